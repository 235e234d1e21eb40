#include "fused/norm_act.h"

#include <c10/core/GradMode.h>

#include <array>
#include <cmath>

#include "fused/blocks.h"
#include "fused/kernels.h"
#include "fused/record.h"

namespace selfsup::fused {
namespace {

enum Input : size_t { kX, kWeight, kBias, kResidual };
enum Kept : size_t { kKeptMean, kKeptRstd, kKeptOpen };

// Rows of a block: so many that x of it stays in the second cache, and that two sums a block are few beside it.
int64_t rows_of_block_of(int64_t channels) {
  constexpr int64_t kNumbers = 1 << 15, kFewest = 64, kMost = 512;
  return std::clamp(kNumbers / channels, kFewest, kMost);
}

// Two vectors of channels for each block.
class Pairs {
 public:
  Pairs(int64_t blocks, int64_t channels)
      : channels_(channels), numbers_(at::empty({blocks, 2, channels}, at::kFloat)), data_(floats_of(numbers_)) {}
  float* first(int64_t block) const { return data_ + 2 * block * channels_; }
  float* second(int64_t block) const { return first(block) + channels_; }

 private:
  int64_t channels_;
  at::Tensor numbers_;
  float* data_;
};

// f(begin, end) for parts of the channels, where each costs a step of each block.
template <class F>
void over_channels(int64_t channels, int64_t blocks, F f) {
  constexpr int64_t kSteps = 1 << 15;
  at::parallel_for(0, channels, std::max<int64_t>(kSteps / blocks, 1), f);
}

struct Moments {
  std::vector<double> mean, squares;  // squares: sums of squared distances from the mean
  explicit Moments(int64_t channels) : mean(static_cast<size_t>(channels)), squares(static_cast<size_t>(channels)) {}
};

// The passes over all rows of one type.
template <class T>
class Rows {
 public:
  explicit Rows(const at::Tensor& x)
      : x_(data_of<T>(x)), C_(x.size(1)), blocks_(x.numel() / C_, rows_of_block_of(C_)) {}

  // Those of blocks, put together as by Chan et al. 1979.
  Moments moments() const {
    const Pairs parts(blocks_.count(), C_);
    in_parallel(
        blocks_.count(), [&] { return std::vector<float>(static_cast<size_t>(C_)); },
        [&](int64_t block, std::vector<float>& scratch) {
          kernels_.moments(x_ + blocks_.first(block) * C_, blocks_.size(block), C_, parts.first(block),
                           parts.second(block), scratch.data());
        });
    Moments all(C_);
    over_channels(C_, blocks_.count(), [&](int64_t begin, int64_t end) {
      for (int64_t block = 0; block < blocks_.count(); ++block) {
        const auto part = static_cast<double>(blocks_.size(block)) / static_cast<double>(blocks_.items);
        const float* mean = parts.first(block);
        for (int64_t c = begin; c < end; ++c) all.mean[static_cast<size_t>(c)] += part * static_cast<double>(mean[c]);
      }
      for (int64_t block = 0; block < blocks_.count(); ++block) {
        const auto rows = static_cast<double>(blocks_.size(block));
        const float *mean = parts.first(block), *squares = parts.second(block);
        for (int64_t c = begin; c < end; ++c) {
          const double d = static_cast<double>(mean[c]) - all.mean[static_cast<size_t>(c)];
          all.squares[static_cast<size_t>(c)] += static_cast<double>(squares[c]) + rows * d * d;
        }
      }
    });
    return all;
  }

  void forward(const ChannelNorm& norm, const at::Tensor& residual, bool relu, T* y, uint16_t* open) const {
    const T* const added = residual.defined() ? data_of<T>(residual) : nullptr;
    over_blocks([&](int64_t block, int64_t at, int64_t rows) {
      kernels_.norm_act(norm, x_ + at, added ? added + at : nullptr, rows, C_, relu, y + at, words(open, block));
    });
  }

  // Sums over all rows of g, and of g * (x - mean).
  std::array<at::Tensor, 2> sums(const T* dy, const uint16_t* open, const float* mean) const {
    const Pairs parts(blocks_.count(), C_);
    over_blocks([&](int64_t block, int64_t at, int64_t rows) {
      kernels_.norm_act_sums(x_ + at, dy + at, words(open, block), rows, C_, mean, parts.first(block),
                             parts.second(block));
    });
    std::array<at::Tensor, 2> all = {at::zeros({C_}, at::kDouble), at::zeros({C_}, at::kDouble)};
    double *const sum = data_of<double>(all[0]), *const with_x = data_of<double>(all[1]);
    over_channels(C_, blocks_.count(), [&](int64_t begin, int64_t end) {
      for (int64_t block = 0; block < blocks_.count(); ++block) {
        const float *first = parts.first(block), *second = parts.second(block);
        for (int64_t c = begin; c < end; ++c) {
          sum[c] += static_cast<double>(first[c]);
          with_x[c] += static_cast<double>(second[c]);
        }
      }
    });
    return all;
  }

  void backward(const ChannelSlopes& slopes, const T* dy, const uint16_t* open, T* dx, T* g) const {
    over_blocks([&](int64_t block, int64_t at, int64_t rows) {
      kernels_.norm_act_backward(slopes, x_ + at, dy + at, words(open, block), rows, C_, dx ? dx + at : nullptr,
                                 g ? g + at : nullptr);
    });
  }

 private:
  // f(block, where it begins, its rows).
  template <class F>
  void over_blocks(F f) const {
    in_parallel(
        blocks_.count(), [] { return 0; },
        [&](int64_t block, int) { f(block, blocks_.first(block) * C_, blocks_.size(block)); });
  }
  template <class Word>
  Word* words(Word* open, int64_t block) const {
    return open ? open + blocks_.first(block) * words_of_row(C_) : nullptr;
  }

  const ChannelKernels<T>& kernels_ = kernels_in_use().typed<T>().channels;
  T* x_;
  int64_t C_;
  Blocks blocks_;
};

int64_t rows_of(const at::Tensor& x) { return x.numel() / x.size(1); }

// The statistics that x is normed by, f32, and the running ones moved. Both of them are kept for the backward.
template <class T>
std::array<at::Tensor, 2> statistics(const NormAct& n) {
  const int64_t C = n.x.size(1);
  if (!n.from_rows) {
    const at::Tensor rstd = (n.var.to(at::kDouble) + n.eps).rsqrt().to(at::kFloat);
    return {n.mean.clone(at::MemoryFormat::Contiguous), rstd.contiguous()};
  }
  const Moments moments = Rows<T>(n.x).moments();
  const at::Tensor mean = at::empty({C}, at::kFloat), rstd = at::empty({C}, at::kFloat),
                   unbiased = at::empty({C}, at::kFloat);
  const auto rows = static_cast<double>(rows_of(n.x));
  for (int64_t c = 0; c < C; ++c) {
    const auto i = static_cast<size_t>(c);
    floats_of(mean)[c] = static_cast<float>(moments.mean[i]);
    floats_of(rstd)[c] = static_cast<float>(1 / std::sqrt(moments.squares[i] / rows + n.eps));
    floats_of(unbiased)[c] = static_cast<float>(moments.squares[i] / (rows - 1));
  }
  if (n.mean.defined()) {
    n.mean.mul_(1 - n.momentum).add_(mean, n.momentum);
    n.var.mul_(1 - n.momentum).add_(unbiased, n.momentum);
  }
  return {mean, rstd};
}

// from_rows: whether mean and rstd moved with x.
template <class T>
std::vector<at::Tensor> backward(const Backward& b, bool from_rows) {
  const at::Tensor &x = b.inputs[kX], &mean = b.kept[kKeptMean], &rstd = b.kept[kKeptRstd];
  const at::Tensor& open_bits = b.kept[kKeptOpen];
  const uint16_t* const open = open_bits.defined() ? data_of<uint16_t>(open_bits) : nullptr;
  const T* const dy = data_of<T>(b.dy);
  const Rows<T> rows(x);
  std::vector<at::Tensor> to(4);
  std::array<at::Tensor, 2> sums;
  if (b.wants[kWeight] || b.wants[kBias] || (b.wants[kX] && from_rows)) {
    sums = rows.sums(dy, open, floats_of(mean));
    if (b.wants[kWeight]) to[kWeight] = (sums[1] * rstd).to(at::kFloat);
    if (b.wants[kBias]) to[kBias] = sums[0].to(at::kFloat);
  }
  if (b.wants[kX]) to[kX] = at::empty_like(x);
  // Without a ReLU what comes is what goes on to the residual.
  if (b.wants[kResidual]) to[kResidual] = open ? at::empty_like(x) : b.dy;
  T* const g = b.wants[kResidual] && open ? data_of<T>(to[kResidual]) : nullptr;
  if (!b.wants[kX] && !g) return to;

  // With h = (x - mean) rstd: dx = weight rstd (g - (sum(g) + h sum(g h)) / rows).
  const at::Tensor by_g = b.inputs[kWeight].defined() ? b.inputs[kWeight] * rstd : rstd;
  at::Tensor by_x, constant;
  if (from_rows && b.wants[kX]) {
    const at::Tensor each = by_g.to(at::kDouble) / static_cast<double>(rows_of(x));
    by_x = (-each * rstd * rstd * sums[1]).to(at::kFloat);
    constant = (-each * sums[0]).to(at::kFloat);
  }
  rows.backward({floats_of(mean), floats_of(by_g), floats_of(by_x), floats_of(constant)}, dy, open,
                b.wants[kX] ? data_of<T>(to[kX]) : nullptr, g);
  return to;
}

template <class T>
at::Tensor run(const NormAct& n) {
  const std::vector<at::Tensor> inputs = {n.x, n.weight, n.bias, n.residual};
  const bool recorded = records(inputs);
  at::Tensor y, open;
  std::array<at::Tensor, 2> by;
  {
    const c10::NoGradGuard no_grad;
    const int64_t C = n.x.size(1);
    by = statistics<T>(n);
    y = at::empty_like(n.x);
    if (recorded && n.relu) open = at::empty({rows_of(n.x), words_of_row(C)}, at::kShort);
    const at::Tensor factor = n.weight.defined() ? n.weight * by[1] : by[1];
    const at::Tensor bias = n.bias.defined() ? n.bias : at::zeros({C}, at::kFloat);
    Rows<T>(n.x).forward({floats_of(by[0]), floats_of(factor), floats_of(bias)}, n.residual, n.relu, data_of<T>(y),
                         open.defined() ? data_of<uint16_t>(open) : nullptr);
  }
  if (!recorded) return y;
  Recording what;
  what.inputs = {n.x, n.weight};
  what.unread = {n.bias, n.residual};
  what.kept = {by[0], by[1], open};
  what.format = *memory_of_rows(n.x);
  record(y, "NormActBackward", std::move(what),
         [from_rows = n.from_rows](const Backward& b) { return backward<T>(b, from_rows); });
  return y;
}

}  // namespace

std::optional<at::MemoryFormat> memory_of_rows(const at::Tensor& x) {
  if (x.dim() == 2) return at::MemoryFormat::Contiguous;
  if (x.dim() == 4) return at::MemoryFormat::ChannelsLast;
  return std::nullopt;
}

at::Tensor norm_act(const NormAct& n) { return n.x.scalar_type() == at::kBFloat16 ? run<Bf16>(n) : run<float>(n); }

}  // namespace selfsup::fused
