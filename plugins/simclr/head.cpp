#include "head.hpp"

#include <limits>

#include "ssp/cpp/dist.hpp"
#include "ssp/cpp/log.hpp"
#include "ssp/cpp/modes.hpp"
#include "ssp/cpp/ops.hpp"

using namespace ssp;

Head::Head(const Scope& scope)
    : temperature_(scope.get("head.temperature", 0.1)), exact_(scope.get("head.gradient", "exact") == "exact") {
  const int64_t world = scope.fact("world").value_or(1);
  if (world == 1 || scope.fact("rank").value_or(0) != 0) return;
  logging::info(exact_ ? "head.gradient is exact: that of the loss over all ranks' images. MMSelfSup's is this divided "
                         "by the number of ranks, " +
                             std::to_string(world) + " (head.gradient=mmselfsup)"
                       : "head.gradient is mmselfsup: the true gradient of the loss over all ranks' images, divided by "
                         "the number of ranks, " +
                             std::to_string(world));
}

Head::Result Head::operator()(const Tensor& z, const Call& call) const {
  AutocastOff fp32(call);
  const Tensor wide = z.to(f32), rows = wide / (vector_norm(wide, 2, {1}, true) + 1e-10);
  // Backward sums what all ranks' losses say of the own rows: the ranks' number times the gradient of their mean.
  const Tensor all = dist::all_gather(call, rows, dist::Gradient::reduce_scatter);
  const int64_t own = rows.size(0), first = own * dist::rank(call);
  const Tensor logits = matmul(rows / temperature_, all.t());
  const Tensor twin = remainder(arange(own / 2, own + own / 2, rows), own) + first;
  {
    // A row is not compared with itself. Its gradient there is 0 already, so backward need not hear of it.
    NoGrad guard(call);
    scatter_(logits, 1, arange(first, first + own, rows).unsqueeze(1), -std::numeric_limits<double>::infinity());
  }
  Tensor loss = cross_entropy(logits, twin), top1, rest;
  const double share = exact_ ? 1.0 : 1.0 / dist::world(call);
  {
    NoGrad guard(call);
    top1 = (argmax(logits, 1) == twin).to(f32).mean();
    if (share < 1) rest = loss * (1 - share);
  }
  if (share < 1) loss = loss * share + rest;  // the same loss, a share of its gradient
  return {std::move(loss), std::move(top1)};
}
