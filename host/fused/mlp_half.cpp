#include <c10/core/GradMode.h>

#include "fused/branch.h"
#include "fused/record.h"

namespace selfsup::fused {
namespace {

enum Input : size_t { kX, kNormWeight, kNormBias, kUpWeight, kUpBias, kDownWeight, kDownBias, kScale };
enum Kept : size_t { kKeptUp, kKeptDown, kKeptFactor, kKeptStats, kKeptU };

// The half-block on rows of one type of products.
template <class T>
class Mlp {
 public:
  // up, down: as products read them; down_bias: forward alone reads it.
  Mlp(const MlpHalf& half, const at::Tensor& up, const at::Tensor& down, const at::Tensor& down_bias,
      const at::Tensor& factor)
      : norm_(half.norm, half.x.size(-1)),
        up_bias_(half.up.bias.defined() ? half.up.bias : at::zeros({half.up.weight.size(0)}, at::kFloat)),
        down_bias_(down_bias),
        x_(floats_of(half.x)),
        factor_(floats_of(factor)),
        up_(data_of<T>(up)),
        down_(data_of<T>(down)),
        D_(half.x.size(-1)),
        F_(half.up.weight.size(0)),
        act_(half.activation),
        blocks_(half.x.numel() / D_, rows_of_block(D_ * F_)) {}

  // stats and u: all rows', or null where they are not kept.
  void forward(float* stats, T* u, float* y) const {
    in_parallel(
        blocks_.count(), [&] { return room(); },
        [&](int64_t block, Room& room) {
          const int64_t first = blocks_.first(block), rows = blocks_.size(block);
          T* own_u = u ? u + first * F_ : room.u;
          upwards(first, rows, stats ? stats + 2 * first : room.stats, room, own_u);
          const float* x = x_ + first * D_;
          float* to = y + first * D_;
          if (factor_) {
            multiply(rows, D_, F_, room.g, {F_, false}, down_, {F_, true}, 0, room.branch, D_);
            all_.add_branch(x, room.branch, floats_of(down_bias_), factor_ + first, rows, D_, to);
          } else {
            all_.add_branch(x, nullptr, floats_of(down_bias_), nullptr, rows, D_, to);
            multiply(rows, D_, F_, room.g, {F_, false}, down_, {F_, true}, 1, to, D_);
          }
        });
  }

  struct Gradients {
    at::Tensor dx, up, down;  // undefined: not asked for
    at::Tensor norm_weight, norm_bias, up_bias, down_bias;
  };
  // stats and u null: computed again.
  void backward(const float* stats, const T* u, const float* dy, bool through_norm, Gradients& to) const {
    const int64_t group = blocks_of_group(blocks_.per_block * static_cast<int64_t>(sizeof(T)) * 2 * (D_ + F_)),
                  group_rows = std::min(group * blocks_.per_block, blocks_.items);
    Sums sums(blocks_.count(), {D_, D_, F_, D_});
    // What products for weights read, of a whole group: dy as they read it, g, du and h.
    const bool own_dy = kOwnT || factor_;
    Scratch shared(Scratch::bytes<T>(own_dy ? group_rows * D_ : 0) + 2 * Scratch::bytes<T>(group_rows * F_) +
                   Scratch::bytes<T>(group_rows * D_));
    T* const dy_of_group = own_dy ? shared.take<T>(group_rows * D_) : nullptr;
    T *const g = shared.take<T>(group_rows * F_), *const du = shared.take<T>(group_rows * F_),
             *const h = shared.take<T>(group_rows * D_);
    for (int64_t begin = 0; begin < blocks_.count(); begin += group) {
      const int64_t count = std::min(group, blocks_.count() - begin), start = blocks_.first(begin);
      in_parallel(
          count, [&] { return room(); },
          [&](int64_t i, Room& room) {
            const int64_t block = begin + i, first = blocks_.first(block), rows = blocks_.size(block),
                          at = first - start;
            const float* dy_rows = dy + first * D_;
            const float* own_stats = stats ? stats + 2 * first : room.stats;
            const T* own_u = u ? u + first * F_ : room.u;
            if (!u) upwards(first, rows, room.stats, room, room.u);
            const T* dy_read = read_dy(typed_, dy_rows, factor_ ? factor_ + first : nullptr, rows, D_,
                                       own_dy ? dy_of_group + at * D_ : nullptr, sums.part(block, 3));
            float* const dg = place_of_product(du + at * F_, room.t);
            multiply(rows, F_, D_, dy_read, {D_, false}, down_, {F_, false}, 0, dg, F_);
            typed_.activate_backward(act_, own_u, dg, rows, F_, g + at * F_, du + at * F_, sums.part(block, 2));
            typed_.norm_again(x_ + first * D_, rows, D_, floats_of(norm_.weight), floats_of(norm_.bias), own_stats,
                              h + at * D_);
            if (!through_norm) return;
            multiply(rows, D_, F_, du + at * F_, {F_, false}, up_, {D_, false}, 0, room.branch, D_);
            all_.norm_backward(x_ + first * D_, own_stats, room.branch, dy_rows, rows, D_, floats_of(norm_.weight),
                               to.dx.defined() ? floats_of(to.dx) + first * D_ : nullptr, sums.part(block, 0),
                               sums.part(block, 1));
          });
      const int64_t depth = std::min(count * blocks_.per_block, blocks_.items - start);
      const T* dy_read = dy_of_group;
      if constexpr (!kOwnT)
        if (!own_dy) dy_read = dy + start * D_;
      add_weight_gradients<T>({{to.up, du, h, depth}, {to.down, dy_read, g, depth}}, begin > 0);
    }
    to.norm_weight = sums.total(0), to.norm_bias = sums.total(1);
    to.up_bias = sums.total(2), to.down_bias = sums.total(3);
  }

 private:
  // One thread's. t: where products write what becomes u; floats lie there at once.
  struct Room {
    Scratch scratch;
    T *h, *u, *g;
    float *t, *stats, *branch;
    Room(int64_t n, int64_t D, int64_t F)
        : scratch(Scratch::bytes<T>(n * D) + 2 * Scratch::bytes<T>(n * F) + Scratch::bytes<float>(kOwnT ? n * F : 0) +
                  Scratch::bytes<float>(2 * n) + Scratch::bytes<float>(n * D)),
          h(scratch.take<T>(n * D)),
          u(scratch.take<T>(n * F)),
          g(scratch.take<T>(n * F)),
          t(scratch.take<float>(kOwnT ? n * F : 0)),
          stats(scratch.take<float>(2 * n)),
          branch(scratch.take<float>(n * D)) {}
  };
  static constexpr bool kOwnT = sizeof(T) != sizeof(float);
  Room room() const { return Room(std::min(blocks_.per_block, blocks_.items), D_, F_); }
  static float* place_of_product(T* u, float* t) {
    if constexpr (kOwnT)
      return t;
    else
      return u;
  }

  void upwards(int64_t first, int64_t rows, float* stats, Room& room, T* u) const {
    typed_.norm(x_ + first * D_, rows, D_, floats_of(norm_.weight), floats_of(norm_.bias), norm_.eps, stats, room.h);
    float* const t = place_of_product(u, room.t);
    multiply(rows, F_, D_, room.h, {D_, false}, up_, {D_, true}, 0, t, F_);
    typed_.activate(act_, t, floats_of(up_bias_), rows, F_, u, room.g);
  }

  const Kernels& all_ = kernels_in_use();
  const TypedKernels<T>& typed_ = all_.typed<T>();
  const ReadNorm norm_;
  const at::Tensor up_bias_, down_bias_;
  const float *x_, *factor_;
  const T *up_, *down_;
  const int64_t D_, F_;
  const Activation act_;
  const Blocks blocks_;
};

std::vector<at::Tensor> inputs_of(const MlpHalf& h) {
  return {h.x, h.norm.weight, h.norm.bias, h.up.weight, h.up.bias, h.down.weight, h.down.bias, h.layer_scale};
}

// The half-block without its tensors, and with those that its record gives back.
MlpHalf options_of_half(MlpHalf h) {
  h.x = h.keep = h.layer_scale = at::Tensor();
  h.norm.weight = h.norm.bias = at::Tensor();
  h.up = h.down = Linear();
  return h;
}
MlpHalf with_inputs(MlpHalf h, const std::vector<at::Tensor>& in) {
  h.x = in[kX], h.norm.weight = in[kNormWeight], h.norm.bias = in[kNormBias];
  h.up = {in[kUpWeight], in[kUpBias]}, h.down = {in[kDownWeight], in[kDownBias]};
  h.layer_scale = in[kScale];
  return h;
}

template <class T>
std::vector<at::Tensor> backward(const MlpHalf& half, const Backward& b) {
  const auto like = [&](bool wanted, Input input) { return wanted ? at::empty_like(b.inputs[input]) : at::Tensor(); };
  typename Mlp<T>::Gradients to;
  to.dx = like(b.wants[kX], kX);
  to.up = like(b.wants[kUpWeight], kUpWeight);
  to.down = like(b.wants[kDownWeight] || b.wants[kScale], kDownWeight);
  const bool through_norm = b.wants[kX] || b.wants[kNormWeight] || b.wants[kNormBias];
  const Mlp<T> mlp(half, b.kept[kKeptUp], b.kept[kKeptDown], at::Tensor(), b.kept[kKeptFactor]);
  const at::Tensor& u = b.kept[kKeptU];
  mlp.backward(floats_of(b.kept[kKeptStats]), u.defined() ? data_of<T>(u) : nullptr, floats_of(b.dy), through_norm, to);
  const at::Tensor scale = gradient_of_scale(half.down, half.layer_scale, to.down, to.down_bias);
  std::vector<at::Tensor> gradients = {to.dx,      to.norm_weight, to.norm_bias, to.up,
                                       to.up_bias, to.down,        to.down_bias, scale};
  for (size_t i = 0; i < gradients.size(); ++i)
    if (!b.wants[i]) gradients[i] = at::Tensor();
  return gradients;
}

}  // namespace

at::Tensor mlp_half(const MlpHalf& half) {
  const std::vector<at::Tensor> inputs = inputs_of(half);
  const bool recorded = records(inputs), keeps = recorded && !half.recompute;
  at::Tensor y, up, stats, u, factor;
  std::optional<ReadLinear> down;
  {
    const c10::NoGradGuard no_grad;
    const int64_t rows = half.x.numel() / half.x.size(-1);
    up = half.half_types ? half.up.weight.to(at::kBFloat16) : half.up.weight;
    down.emplace(half.down, half.layer_scale, half.half_types);
    factor = factor_of_rows(half.keep, rows / half.x.size(0));
    y = at::empty_like(half.x);
    if (keeps) stats = at::empty({rows, 2}, at::kFloat);
    const auto run = [&]<class T>(T) {
      if (keeps) u = at::empty({rows, half.up.weight.size(0)}, options_of<T>());
      const Mlp<T> mlp(half, up, down->weight, down->bias, factor);
      mlp.forward(floats_of(stats), keeps ? data_of<T>(u) : nullptr, floats_of(y));
    };
    half.half_types ? run(Bf16()) : run(float());
  }
  if (!recorded) return y;
  record(y, "MlpHalfBackward", {inputs, {}, {up, down->weight, factor, stats, u}},
         [options = options_of_half(half)](const Backward& b) {
           const MlpHalf again = with_inputs(options, b.inputs);
           return again.half_types ? backward<Bf16>(again, b) : backward<float>(again, b);
         });
  return y;
}

}  // namespace selfsup::fused
