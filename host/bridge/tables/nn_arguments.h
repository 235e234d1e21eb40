// Reads and checks what plugins pass to ssp.nn: whether the tensors fit each other, which no host could do without, and
// whether this one fuses them. Main thread.
#pragma once
#include <ATen/core/Tensor.h>

#include <optional>
#include <string>

#include "bridge/host_state.h"
#include "bridge/out_struct.h"
#include "fused/half_blocks.h"
#include "ssp/nn.h"

namespace selfsup::bridge {

// Why this host does not fuse a call. Thrown past the rest of its checks; the call answers SSP_E_UNSUPPORTED.
struct NotFused {
  std::string reason;
};

// A plugin's argument as this host knows it. NotFused when it holds more than that.
template <class Args>
Args read_nn(const Args* in, size_t least, const char* what) {
  const Args known = read_in(in, least, what);
  constexpr uint32_t kMost = 4096;
  if (in->struct_size > kMost)
    fail(SSP_E_ARGUMENT,
         fmt::format("{}.struct_size is {}: no such struct is larger than {}", what, in->struct_size, kMost));
  const auto* bytes = reinterpret_cast<const unsigned char*>(in);
  for (uint32_t i = sizeof(Args); i < in->struct_size; ++i)
    if (bytes[i] != 0) throw NotFused{"it asks for something that this host does not know"};
  return known;
}

// "[2, 3]".
std::string text_of(at::IntArrayRef sizes);

// The tensors of one call. `what`: "nn.mlp", for messages.
class NnArguments {
 public:
  NnArguments(HostState& host, const char* what) : host_(host), what_(what) {}

  // NotFused for what a later header may name; Failure for a flag of this one that does not belong there.
  void flags(uint32_t given, uint32_t known) const;
  void activation(uint32_t given) const;
  // Failure(SSP_E_ARGUMENT) with the tensor's name when it is none.
  at::Tensor tensor(ssp_tensor handle, const char* name);
  at::Tensor maybe(ssp_tensor handle, const char* name);  // undefined for none
  // Of these sizes, or a Failure that says where they are from: "x is [2, 5, 16]".
  void sizes(const at::Tensor& t, const char* name, at::IntArrayRef expected) const;
  void broadcasts(const at::Tensor& t, const char* name, at::IntArrayRef to) const;
  fused::Norm norm(const ssp_nn_norm& given, int64_t width);
  fused::Linear linear(const ssp_nn_linear& given, const char* name, int64_t out, int64_t in);
  void finite(double number, const char* name) const;

  // What x tells about the sizes of the others, for messages.
  void say_of(std::string text) { of_ = std::move(text); }
  [[noreturn]] void wrong(const std::string& text) const;

 private:
  HostState& host_;
  const char* what_;
  std::string of_;
};

// Whether products read bf16, as autocast says. NotFused for another type.
bool products_read_bf16();
// NotFused unless all that are there are on the CPU and of that type.
void require_fusible(at::TensorList tensors, at::ScalarType type);

}  // namespace selfsup::bridge
