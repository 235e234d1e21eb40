#include "distributed/values.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <span>

#include "base/errors.h"
#include "base/hash.h"
#include "distributed/rank_text.h"

namespace selfsup::distributed {
namespace {

constexpr size_t kMessageBytes = size_t{64} << 20;

std::string line_of(const std::string& name, const at::Tensor& tensor) {
  return fmt::format("{}: {} [{}], strides [{}]", name, c10::toString(tensor.scalar_type()),
                     fmt::join(tensor.sizes(), ", "), fmt::join(tensor.strides(), ", "));
}

std::string difference(const std::string& first, const std::string& other, size_t rank) {
  const std::vector<std::string> a = lines_of(first), b = lines_of(other);
  const size_t common = std::min(a.size(), b.size());
  size_t i = 0;
  while (i < common && a[i] == b[i]) ++i;
  const auto shown = [i](const std::vector<std::string>& lines) {  // the last one is empty
    return i + 1 < lines.size() ? "\"" + lines[i] + "\"" : fmt::format("none: there are {}", lines.size() - 1);
  };
  return fmt::format(
      "the ranks train different parameters: parameter {} is {} on rank 0, and {} on rank {}. All ranks must have the "
      "same program, plugins and configuration",
      i, shown(a), shown(b), rank);
}

// Tensors of one type on one device, as one message.
void broadcast_together(const Group& group, std::span<const at::Tensor> tensors) {
  std::vector<at::Tensor> flat;
  for (const at::Tensor& tensor : tensors) flat.push_back(tensor.reshape({-1}));
  const at::Tensor message = at::cat(flat);
  group.broadcast(message.view(at::kByte), 0);
  if (group.rank() == 0) return;
  int64_t at = 0;
  for (const at::Tensor& tensor : tensors) {
    tensor.copy_(message.narrow(0, at, tensor.numel()).view(tensor.sizes()));
    at += tensor.numel();
  }
}

}  // namespace

void require_same_parameters(const Group& group, const std::vector<std::pair<std::string, at::Tensor>>& parameters) {
  std::string own;
  for (const auto& [name, tensor] : parameters) own += line_of(name, tensor) + "\n";
  const std::vector<std::string> digests = group.all_gather(sha256_hex(own.data(), own.size()));
  const auto other = std::ranges::find_if(digests, [&](const std::string& d) { return d != digests.front(); });
  if (other == digests.end()) return;
  const std::vector<std::string> texts = group.all_gather(own);
  const auto rank = static_cast<size_t>(other - digests.begin());
  throw Error(Exit::disagree, difference(texts.front(), texts[rank], rank));
}

std::string broadcast_text(const Group& group, const std::string& own) {
  if (group.world() == 1) return own;
  const at::Tensor length = at::full({1}, static_cast<int64_t>(own.size()), at::kLong);
  group.broadcast(length, 0);
  const at::Tensor letters = at::empty({length.item<int64_t>()}, at::kByte);
  auto* begin = reinterpret_cast<char*>(letters.mutable_data_ptr<uint8_t>());
  if (group.rank() == 0) std::copy(own.begin(), own.end(), begin);
  group.broadcast(letters, 0);
  return {begin, static_cast<size_t>(letters.numel())};
}

void broadcast_values(const Group& group, const std::vector<at::Tensor>& tensors) {
  if (group.world() == 1) return;
  const at::NoGradGuard no_grad;
  std::map<std::string, std::vector<at::Tensor>> kinds;
  for (const at::Tensor& tensor : tensors)
    if (tensor.numel() > 0)
      kinds[fmt::format("{} {}", tensor.device().str(), c10::toString(tensor.scalar_type()))].push_back(
          tensor.detach());
  for (const auto& [kind, members] : kinds) {
    for (size_t begin = 0; begin < members.size();) {
      size_t end = begin;
      for (size_t bytes = 0; end < members.size() && (end == begin || bytes + members[end].nbytes() <= kMessageBytes);)
        bytes += members[end++].nbytes();
      broadcast_together(group, std::span(members).subspan(begin, end - begin));
      begin = end;
    }
  }
}

}  // namespace selfsup::distributed
