#include <c10/core/GradMode.h>

#include "fused/half_blocks.h"
#include "fused/logit_bias.h"
#include "fused/record.h"

namespace selfsup::fused {
namespace {

struct Layout {
  int64_t batch;
  AttentionShape shape;
  explicit Layout(const PackedAttention& a)
      : batch(a.qkv.size(0)), shape{a.qkv.size(1), a.from, a.qkv.size(3), a.qkv.size(4), static_cast<float>(a.scale),
                                    a.causal} {}
  BatchBias bias(const at::Tensor& b) const { return BatchBias(b, batch, shape.heads, shape.queries(), shape.tokens); }
  Blocks blocks() const { return blocks_of_samples(batch, shape, 0); }
};

// Scratch of one thread: the heads', then whatever else is asked for.
struct Room {
  at::Tensor heads;
  explicit Room(const AttentionShape& shape) : heads(at::zeros({attention_scratch(shape)}, at::kFloat)) {}
};

template <class T>
at::Tensor forward(const PackedAttention& a) {
  const Layout layout(a);
  const AttentionShape& s = layout.shape;
  const BatchBias bias = layout.bias(a.bias);
  const Blocks blocks = layout.blocks();
  at::Tensor y = at::empty({layout.batch, s.queries(), s.width()}, options_of<T>());
  const T* qkv = data_of<T>(a.qkv);
  T* const to = data_of<T>(y);
  in_parallel(
      blocks.count(), [&] { return Room(s); },
      [&](int64_t block, Room& room) {
        const int64_t first = blocks.first(block);
        kernels_in_use().typed<T>().attend(s, bias.from(first), blocks.size(block),
                                           qkv + first * s.tokens * 3 * s.width(), to + first * s.queries() * s.width(),
                                           floats_of(room.heads));
      });
  return y;
}

template <class T>
std::vector<at::Tensor> backward(const PackedAttention& a, const Backward& b) {
  const Layout layout(a);
  const AttentionShape& s = layout.shape;
  const BatchBias bias = layout.bias(a.bias);
  const Blocks blocks = layout.blocks();
  const int64_t M = s.queries(), D = s.width(), logits = s.heads * M * s.tokens;
  const at::Tensor dqkv = at::empty_like(a.qkv), dy = b.dy.to(at::kFloat);
  const at::Tensor dbias = b.wants[1] ? at::zeros(a.bias.sizes(), at::kDouble) : at::Tensor();
  const int64_t group = blocks_of_group(blocks.per_block * 4 * logits);
  const at::Tensor dlogits = dbias.defined()
                                 ? at::empty({std::min(group, blocks.count()) * blocks.per_block * logits}, at::kFloat)
                                 : at::Tensor();
  for (int64_t begin = 0; begin < blocks.count(); begin += group) {
    const int64_t count = std::min(group, blocks.count() - begin), start = blocks.first(begin);
    in_parallel(
        count, [&] { return std::pair(Room(s), at::empty({blocks.per_block * M * D}, options_of<T>())); },
        [&](int64_t i, const auto& room) {
          const auto& [heads, out] = room;  // out is computed again, and not needed here
          const int64_t block = begin + i, first = blocks.first(block);
          kernels_in_use().typed<T>().attend_backward(
              s, bias.from(first), blocks.size(block), data_of<T>(a.qkv) + first * s.tokens * 3 * D,
              floats_of(dy) + first * M * D, data_of<T>(out), data_of<T>(dqkv) + first * s.tokens * 3 * D,
              dbias.defined() ? floats_of(dlogits) + (first - start) * logits : nullptr, floats_of(heads.heads));
        });
    if (dbias.defined())
      bias.add_gradient(floats_of(dlogits), start, std::min(count * blocks.per_block, layout.batch - start), dbias);
  }
  return {b.wants[0] ? dqkv : at::Tensor(), dbias.defined() ? dbias.to(at::kFloat) : dbias};
}

}  // namespace

at::Tensor packed_attention(const PackedAttention& a) {
  const bool half_types = a.qkv.scalar_type() == at::kBFloat16;
  at::Tensor y;
  {
    const c10::NoGradGuard no_grad;
    y = half_types ? forward<Bf16>(a) : forward<float>(a);
  }
  if (!records({a.qkv, a.bias})) return y;
  PackedAttention options = a;
  options.qkv = options.bias = at::Tensor();
  record(y, "PackedAttentionBackward", {{a.qkv, a.bias}, {}, {}}, [options, half_types](const Backward& b) {
    PackedAttention again = options;
    again.qkv = b.inputs[0], again.bias = b.inputs[1];
    return half_types ? backward<Bf16>(again, b) : backward<float>(again, b);
  });
  return y;
}

}  // namespace selfsup::fused
