#include <c10/core/GradMode.h>

#include <cmath>
#include <optional>

#include "fused/branch.h"
#include "fused/logit_bias.h"
#include "fused/record.h"

namespace selfsup::fused {
namespace {

enum Input : size_t { kX, kNormWeight, kNormBias, kQkvWeight, kQkvBias, kProjWeight, kProjBias, kScale, kBias };
enum Kept : size_t { kKeptQkvWeight, kKeptProj, kKeptFactor, kKeptStats, kKeptQkv };

// The half-block on whole samples of one type of products.
template <class T>
class Attention {
 public:
  // qkv, proj: weights as products read them; proj_bias: forward alone reads it.
  Attention(const AttentionHalf& half, const at::Tensor& qkv, const at::Tensor& proj, const at::Tensor& proj_bias,
            const at::Tensor& factor)
      : norm_(half.norm, half.x.size(2)),
        qkv_bias_(half.qkv.bias.defined() ? half.qkv.bias : at::zeros({3 * half.x.size(2)}, at::kFloat)),
        proj_bias_(proj_bias),
        x_(floats_of(half.x)),
        factor_(floats_of(factor)),
        qkv_(data_of<T>(qkv)),
        proj_(data_of<T>(proj)),
        L_(half.x.size(1)),
        D_(half.x.size(2)),
        shape_{L_, half.from, half.heads, D_ / half.heads, static_cast<float>(half.scale), half.causal},
        bias_(half.bias, half.x.size(0), half.heads, L_ - half.from, L_),
        blocks_(blocks_of_samples(half.x.size(0), shape_, 3 * D_ * D_)) {}

  // stats and qkv: all rows', or null where they are not kept.
  void forward(float* stats, T* qkv, float* y) const {
    const int64_t M = shape_.queries();
    in_parallel(
        blocks_.count(), [&] { return room(); },
        [&](int64_t block, Room& room) {
          const int64_t first = blocks_.first(block), samples = blocks_.size(block);
          T* own_qkv = qkv ? qkv + first * L_ * 3 * D_ : room.qkv;
          project(first, samples, stats ? stats + 2 * first * L_ : room.stats, room, own_qkv);
          const float* x = x_ + first * L_ * D_;
          float* const to = y + first * M * D_;
          typed_.attend(shape_, bias_.from(first), samples, own_qkv, room.out, room.heads);
          const auto add = [&](const float* branch) {
            for (int64_t i = 0; i < samples; ++i)
              all_.add_branch(x + (i * L_ + shape_.from) * D_, branch ? branch + i * M * D_ : nullptr,
                              floats_of(proj_bias_), factor_ ? factor_ + (first + i) * M : nullptr, M, D_,
                              to + i * M * D_);
          };
          if (factor_) {
            multiply(samples * M, D_, D_, room.out, {D_, false}, proj_, {D_, true}, 0, room.branch, D_);
            return add(room.branch);
          }
          add(nullptr);
          multiply(samples * M, D_, D_, room.out, {D_, false}, proj_, {D_, true}, 1, to, D_);
        });
  }

  struct Gradients {
    at::Tensor dx, qkv, proj, bias;  // undefined: not asked for; bias: zeros, f64
    at::Tensor norm_weight, norm_bias, qkv_bias, proj_bias;
  };
  // stats and qkv null: computed again.
  void backward(const float* stats, const T* qkv, const float* dy, bool through_norm, Gradients& to) const {
    const int64_t M = shape_.queries(), logits = shape_.heads * M * L_, size = static_cast<int64_t>(sizeof(T));
    const int64_t block_bytes =
        blocks_.per_block * (size * (4 * L_ + 2 * M) * D_ + (to.bias.defined() ? 4 * logits : 0));
    const int64_t group = blocks_of_group(block_bytes),
                  group_samples = std::min(group * blocks_.per_block, blocks_.items);
    Sums sums(blocks_.count(), {D_, D_, 3 * D_, D_});
    // What products for weights read, of a whole group: dy as they read it, the heads' output, dqkv and h.
    const bool own_dy = kOwnT || factor_;
    const int64_t outs = group_samples * M * D_, rows = group_samples * L_ * D_,
                  logits_of_group = to.bias.defined() ? group_samples * logits : 0;
    Scratch shared(Scratch::bytes<T>(own_dy ? outs : 0) + Scratch::bytes<T>(outs) + Scratch::bytes<T>(3 * rows) +
                   Scratch::bytes<T>(rows) + Scratch::bytes<float>(logits_of_group));
    T* const dy_of_group = own_dy ? shared.take<T>(outs) : nullptr;
    T *const out = shared.take<T>(outs), *const dqkv = shared.take<T>(3 * rows), *const h = shared.take<T>(rows);
    float* const dlogits = logits_of_group > 0 ? shared.take<float>(logits_of_group) : nullptr;
    for (int64_t begin = 0; begin < blocks_.count(); begin += group) {
      const int64_t count = std::min(group, blocks_.count() - begin), start = blocks_.first(begin);
      in_parallel(
          count, [&] { return room(); },
          [&](int64_t i, Room& room) {
            const int64_t block = begin + i, first = blocks_.first(block), samples = blocks_.size(block),
                          at = first - start;
            const float* own_stats = stats ? stats + 2 * first * L_ : room.stats;
            const T* own_qkv = qkv ? qkv + first * L_ * 3 * D_ : room.qkv;
            if (!qkv) project(first, samples, room.stats, room, room.qkv);
            const float* dy_rows = dy + first * M * D_;
            const T* dy_read = read_dy(typed_, dy_rows, factor_ ? factor_ + first * M : nullptr, samples * M, D_,
                                       own_dy ? dy_of_group + at * M * D_ : nullptr, sums.part(block, 3));
            multiply(samples * M, D_, D_, dy_read, {D_, false}, proj_, {D_, false}, 0, room.branch, D_);
            typed_.attend_backward(shape_, bias_.from(first), samples, own_qkv, room.branch, out + at * M * D_,
                                   dqkv + at * L_ * 3 * D_, dlogits ? dlogits + at * logits : nullptr, room.heads);
            typed_.column_sum(dqkv + at * L_ * 3 * D_, samples * L_, 3 * D_, sums.part(block, 2));
            typed_.norm_again(x_ + first * L_ * D_, samples * L_, D_, floats_of(norm_.weight), floats_of(norm_.bias),
                              own_stats, h + at * L_ * D_);
            if (through_norm)
              back_through_norm(first, samples, own_stats, dqkv + at * L_ * 3 * D_, dy_rows, room.dh, to.dx,
                                sums.part(block, 0), sums.part(block, 1));
          });
      const int64_t samples = std::min(count * blocks_.per_block, blocks_.items - start);
      const T* dy_read = dy_of_group;
      if constexpr (!kOwnT)
        if (!own_dy) dy_read = dy + start * M * D_;
      add_weight_gradients<T>({{to.qkv, dqkv, h, samples * L_}, {to.proj, dy_read, out, samples * M}}, begin > 0);
      if (dlogits) bias_.add_gradient(dlogits, start, samples, to.bias);
    }
    to.norm_weight = sums.total(0), to.norm_bias = sums.total(1);
    to.qkv_bias = sums.total(2), to.proj_bias = sums.total(3);
  }

 private:
  static constexpr bool kOwnT = sizeof(T) != sizeof(float);
  // One thread's. t: where products write what becomes qkv; floats lie there at once.
  struct Room {
    Scratch scratch;
    T *h, *qkv, *out;
    float *t, *stats, *branch, *dh, *heads;
    Room(int64_t rows, int64_t D, int64_t head_floats)
        : scratch(5 * Scratch::bytes<T>(rows * D) + 2 * Scratch::bytes<float>(rows * D) +
                  Scratch::bytes<float>(kOwnT ? 3 * rows * D : 0) + Scratch::bytes<float>(2 * rows) +
                  Scratch::bytes<float>(head_floats)),
          h(scratch.take<T>(rows * D)),
          qkv(scratch.take<T>(3 * rows * D)),
          out(scratch.take<T>(rows * D)),
          t(scratch.take<float>(kOwnT ? 3 * rows * D : 0)),
          stats(scratch.take<float>(2 * rows)),
          branch(scratch.take<float>(rows * D)),
          dh(scratch.take<float>(rows * D)),
          heads(scratch.take<float>(head_floats)) {
      std::fill_n(heads, head_floats, 0.0f);
    }
  };
  Room room() const { return Room(std::min(blocks_.per_block, blocks_.items) * L_, D_, attention_scratch(shape_)); }

  void project(int64_t first, int64_t samples, float* stats, Room& room, T* qkv) const {
    const int64_t rows = samples * L_;
    typed_.norm(x_ + first * L_ * D_, rows, D_, floats_of(norm_.weight), floats_of(norm_.bias), norm_.eps, stats,
                room.h);
    float* t = room.t;
    if constexpr (!kOwnT) t = qkv;
    multiply(rows, 3 * D_, D_, room.h, {D_, false}, qkv_, {D_, true}, 0, t, 3 * D_);
    typed_.add_bias(t, floats_of(qkv_bias_), rows, 3 * D_, qkv);
  }

  // Tokens before `from` have no residual: of y they are not part.
  void back_through_norm(int64_t first, int64_t samples, const float* stats, const T* dqkv, const float* dy, float* dh,
                         const at::Tensor& dx, float* dweight, float* dbias) const {
    const int64_t from = shape_.from, M = shape_.queries();
    multiply(samples * L_, D_, 3 * D_, dqkv, {3 * D_, false}, qkv_, {D_, false}, 0, dh, D_);
    const auto rows = [&](int64_t row, int64_t count, const float* residual) {
      const int64_t place = first * L_ + row;
      all_.norm_backward(x_ + place * D_, stats + 2 * row, dh + row * D_, residual, count, D_, floats_of(norm_.weight),
                         dx.defined() ? floats_of(dx) + place * D_ : nullptr, dweight, dbias);
    };
    for (int64_t i = 0; i < samples; ++i) {
      if (from > 0) rows(i * L_, from, nullptr);
      rows(i * L_ + from, M, dy + i * M * D_);
    }
  }

  const Kernels& all_ = kernels_in_use();
  const TypedKernels<T>& typed_ = all_.typed<T>();
  const ReadNorm norm_;
  const at::Tensor qkv_bias_, proj_bias_;
  const float *x_, *factor_;
  const T *qkv_, *proj_;
  const int64_t L_, D_;
  const AttentionShape shape_;
  const BatchBias bias_;
  const Blocks blocks_;
};

std::vector<at::Tensor> inputs_of(const AttentionHalf& h) {
  return {h.x, h.norm.weight, h.norm.bias, h.qkv.weight, h.qkv.bias, h.proj.weight, h.proj.bias, h.layer_scale, h.bias};
}

// The half-block without its tensors, and with those that its record gives back.
AttentionHalf options_of_half(AttentionHalf h) {
  h.x = h.keep = h.layer_scale = h.bias = at::Tensor();
  h.norm.weight = h.norm.bias = at::Tensor();
  h.qkv = h.proj = Linear();
  return h;
}
AttentionHalf with_inputs(AttentionHalf h, const std::vector<at::Tensor>& in) {
  h.x = in[kX], h.norm.weight = in[kNormWeight], h.norm.bias = in[kNormBias];
  h.qkv = {in[kQkvWeight], in[kQkvBias]}, h.proj = {in[kProjWeight], in[kProjBias]};
  h.layer_scale = in[kScale], h.bias = in[kBias];
  return h;
}

template <class T>
std::vector<at::Tensor> backward(const AttentionHalf& half, const Backward& b) {
  const auto like = [&](bool wanted, Input input) { return wanted ? at::empty_like(b.inputs[input]) : at::Tensor(); };
  typename Attention<T>::Gradients to;
  to.dx = like(b.wants[kX], kX);
  to.qkv = like(b.wants[kQkvWeight], kQkvWeight);
  to.proj = like(b.wants[kProjWeight] || b.wants[kScale], kProjWeight);
  if (b.wants[kBias]) to.bias = at::zeros(half.bias.sizes(), at::kDouble);
  const bool through_norm = b.wants[kX] || b.wants[kNormWeight] || b.wants[kNormBias];
  const Attention<T> attention(half, b.kept[kKeptQkvWeight], b.kept[kKeptProj], at::Tensor(), b.kept[kKeptFactor]);
  const at::Tensor& qkv = b.kept[kKeptQkv];
  attention.backward(floats_of(b.kept[kKeptStats]), qkv.defined() ? data_of<T>(qkv) : nullptr, floats_of(b.dy),
                     through_norm, to);
  const at::Tensor scale = gradient_of_scale(half.proj, half.layer_scale, to.proj, to.proj_bias);
  std::vector<at::Tensor> gradients = {to.dx,   to.norm_weight, to.norm_bias, to.qkv, to.qkv_bias,
                                       to.proj, to.proj_bias,   scale,        to.bias};
  if (to.bias.defined()) gradients[kBias] = to.bias.to(at::kFloat);
  for (size_t i = 0; i < gradients.size(); ++i)
    if (!b.wants[i]) gradients[i] = at::Tensor();
  return gradients;
}

}  // namespace

at::Tensor attention_half(const AttentionHalf& half) {
  const std::vector<at::Tensor> inputs = inputs_of(half);
  const bool recorded = records(inputs), keeps = recorded && !half.recompute;
  at::Tensor y, qkv_weight, stats, qkv, factor;
  std::optional<ReadLinear> proj;
  {
    const c10::NoGradGuard no_grad;
    const auto sizes = half.x.sizes();
    qkv_weight = half.half_types ? half.qkv.weight.to(at::kBFloat16) : half.qkv.weight;
    proj.emplace(half.proj, half.layer_scale, half.half_types);
    factor = factor_of_rows(half.keep, sizes[1] - half.from);
    y = at::empty({sizes[0], sizes[1] - half.from, sizes[2]}, at::kFloat);
    if (keeps) stats = at::empty({sizes[0] * sizes[1], 2}, at::kFloat);
    const auto run = [&]<class T>(T) {
      if (keeps) qkv = at::empty({sizes[0], sizes[1], 3 * sizes[2]}, options_of<T>());
      const Attention<T> attention(half, qkv_weight, proj->weight, proj->bias, factor);
      attention.forward(floats_of(stats), keeps ? data_of<T>(qkv) : nullptr, floats_of(y));
    };
    half.half_types ? run(Bf16()) : run(float());
  }
  if (!recorded) return y;
  record(y, "AttentionHalfBackward", {inputs, {}, {qkv_weight, proj->weight, factor, stats, qkv}},
         [options = options_of_half(half)](const Backward& b) {
           const AttentionHalf again = with_inputs(options, b.inputs);
           return again.half_types ? backward<Bf16>(again, b) : backward<float>(again, b);
         });
  return y;
}

}  // namespace selfsup::fused
