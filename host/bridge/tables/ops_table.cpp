// The table "ssp.ops": operators, tensors to and from the host, gradient and autocast scopes.
#include <ATen/autocast_mode.h>
#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <cstring>

#include "bridge/host_state.h"
#include "bridge/operators/convert.h"
#include "bridge/operators/dtype.h"
#include "bridge/out_struct.h"
#include "bridge/status.h"
#include "bridge/tables/call.h"
#include "bridge/tables/extensions.h"
#include "bridge/tables/gradients.h"

namespace selfsup::bridge {
namespace {

using Stack = torch::jit::Stack;

// One stack is reused by all calls; a nested call finds it taken and gets its own.
class StackLoan {
 public:
  explicit StackLoan(HostState& host) : spare_(host.stack), stack_(std::move(spare_)) { stack_.clear(); }
  ~StackLoan() {
    stack_.clear();
    spare_ = std::move(stack_);
  }
  StackLoan(const StackLoan&) = delete;
  StackLoan& operator=(const StackLoan&) = delete;
  Stack& operator*() { return stack_; }

 private:
  Stack& spare_;
  Stack stack_;
};

void fill(const ssp_op_s& op, const ssp_value* args, Stack& stack) {
  const size_t n = op.given.size();
  if (op.in_order) {
    stack.reserve(op.defaults.size());
    for (size_t i = 0; i < n; ++i) stack.push_back(to_ivalue(op, op.given[i], args[i]));
    for (size_t i = n; i < op.defaults.size(); ++i) stack.push_back(op.defaults[i]);
  } else {
    stack = op.defaults;
    for (size_t i = 0; i < n; ++i) stack[op.given[i].position] = to_ivalue(op, op.given[i], args[i]);
  }
}

template <class F>
void each_tensor(const HostState& host, const ssp_value& value, F&& f) {
  if (value.kind == SSP_V_TENSOR) f(host.handles.peek(value.u.tensor));
  if (value.kind != SSP_V_TENSORS) return;
  for (uint32_t i = 0; i < value.count; ++i)
    if (value.u.tensors[i].id) f(host.handles.peek(value.u.tensors[i]));
}

// The declared tensor that the call changes in place, if any, of several a trained one; refused while gradients are
// recorded, since what the graph has kept of it would be another's values, or the graph would become part of it.
const model::Entry* written_entry(const ssp_op_s& op, const ssp_value* args) {
  const model::Entry* found = nullptr;
  for (size_t i = 0; i < op.given.size(); ++i) {
    if (!op.given[i].written) continue;
    each_tensor(*op.host, args[i], [&](const at::Tensor& t) {
      const model::Entry* entry = op.host->declared.owner_of_memory(t);
      if (entry && (!found || entry->kind == model::Kind::parameter)) found = entry;
    });
  }
  const auto refuse = [&](const char* when) {
    fail(SSP_E_OP, fmt::format("{}: it changes {} '{}' in place {}", op.name,
                               found->kind == model::Kind::buffer ? "the buffer" : "the parameter", found->name, when));
  };
  if (found && op.host->only_looks)
    refuse("in a call that only looks (features, reconstruct, save_state): with it the run would be another; clone it");
  if (found && c10::GradMode::is_enabled())
    refuse("while gradients are recorded; turn recording off around it (grad_push(0), or a NoGrad of the C++ layer)");
  return found;
}

void invoke(const ssp_op_s& op, const ssp_value* args, uint32_t n, Stack& stack) {
  try {
    op.handle.callBoxed(stack);
  } catch (...) {
    fail_with_current_exception(call_text(op, args, n));
  }
}

ssp_status resolve(const ssp_host* plugin, const char* name, const char* overload, const char* args, ssp_op* out) {
  return guarded([&] {
    HostState& host = host_of(plugin);
    require(name && overload && args && out, SSP_E_ARGUMENT, "resolve: name, overload, args and out must not be null");
    require_init();
    *out = host.operators.resolve(name, overload, args);
  });
}

ssp_status call(ssp_op op, const ssp_value* args, uint32_t n, ssp_value* outs, uint32_t* n_outs) {
  return guarded([&] {
    require(op != nullptr, SSP_E_ARGUMENT, "the operator is null: was it resolved in init?");
    require(op->host != nullptr, SSP_E_PRECONDITION, "the host that resolved this operator has shut down");
    HostState& host = *op->host;
    require_operators(host);
    if (n != op->given.size()) {
      fail(SSP_E_ARGUMENT,
           fmt::format("{}: resolved with {} arguments, called with {}", op->name, op->given.size(), n));
    }
    require(args != nullptr || n == 0, SSP_E_ARGUMENT, "call: args is null");
    require(outs == nullptr || n_outs != nullptr, SSP_E_ARGUMENT, "call: n_outs is null");
    if (outs && *n_outs < op->least_results) {
      fail(SSP_E_ARGUMENT,
           fmt::format("{}: gives {} results, the plugin has room for {}", op->name, op->least_results, *n_outs));
    }
    StackLoan loan(host);
    Stack& stack = *loan;
    fill(*op, args, stack);
    if (host.phase == Phase::create) {
      for (uint32_t i = 0; i < n; ++i)
        each_tensor(host, args[i], [&](const at::Tensor& t) { require_values(host, t); });
    }
    const model::Entry* written = op->writes ? written_entry(*op, args) : nullptr;
    invoke(*op, args, n, stack);
    // Autocast keeps casts of parameters; one that was changed would go on being used in its old cast.
    if (written && written->kind == model::Kind::parameter) at::autocast::clear_cache();
    if (!outs) {
      if (n_outs) *n_outs = 0;
    } else if (stack.size() == 1 && stack[0].isTensor()) {
      at::Tensor result = std::move(stack[0]).toTensor();
      if (result.defined() && from_torch(result.scalar_type()) == 0)
        require_named_dtype(result.scalar_type(), call_text(*op, args, n));
      outs[0] = {result.defined() ? uint32_t{SSP_V_TENSOR} : uint32_t{SSP_V_NONE}, 0, {}};
      outs[0].u.tensor = host.handles.give(std::move(result));
      *n_outs = 1;
    } else {
      to_values(*op, stack, outs, n_outs);
    }
  });
}

// retain and release leave the text of a failure alone when they succeed.
ssp_status retain(ssp_tensor tensor) {
  return guarded([&] {
    Handles& handles = Handles::of(tensor);
    require(handles.is_open(), SSP_E_PRECONDITION, "the host has shut down");
    handles.retain(tensor);
  });
}

ssp_status release(ssp_tensor tensor) {
  return guarded([&] { Handles::of(tensor).release(tensor); });
}

ssp_status info(ssp_tensor handle, ssp_tensor_info* out) {
  return guarded([&] {
    const HostState& host = host_of(handle);
    require_main(host, "tensors are read on the thread of the call or create in progress");
    const at::Tensor& t = host.handles.peek(handle);
    ssp_tensor_info i{};
    i.ndim = static_cast<uint32_t>(t.dim());
    i.dtype = from_torch(t.scalar_type());
    i.device_type = t.is_cuda() ? SSP_DEVICE_CUDA : SSP_DEVICE_CPU;
    i.device_index = t.is_cuda() ? t.get_device() : 0;
    i.sizes = t.sizes().data();
    i.numel = t.numel();
    i.requires_grad = t.requires_grad();
    write_out(i, out, "ops.info");
  });
}

ssp_status from_host(ssp_call* call, const void* data, int32_t dtype, const int64_t* sizes, uint32_t ndim,
                     ssp_tensor* out) {
  return guarded([&] {
    HostState& host = checked(call).scope.host;
    require(out != nullptr && (sizes != nullptr || ndim == 0), SSP_E_ARGUMENT, "from_host: sizes or out is null");
    require(ndim <= 64, SSP_E_ARGUMENT, "from_host: more than 64 dimensions");
    const at::IntArrayRef shape(sizes, ndim);
    for (int64_t size : shape) {
      if (size < 0)
        fail(SSP_E_ARGUMENT, fmt::format("from_host: sizes [{}] hold a negative one", fmt::join(shape, ", ")));
    }
    at::Tensor copy = at::empty(shape, at::TensorOptions(to_torch(dtype)));
    require(data != nullptr || copy.numel() == 0, SSP_E_ARGUMENT, "from_host: data is null");
    if (copy.numel() != 0) std::memcpy(copy.mutable_data_ptr(), data, copy.nbytes());
    *out = host.handles.give(copy.to(host.environment.device));
  });
}

ssp_status to_host(ssp_tensor handle, int32_t dtype, void* data, uint64_t bytes) {
  return guarded([&] {
    const HostState& host = host_of(handle);
    require_operators(host);
    const at::Tensor& tensor = host.handles.peek(handle);
    require_values(host, tensor);
    const at::Tensor there = tensor.detach().to(at::kCPU, to_torch(dtype)).contiguous();
    if (there.nbytes() != bytes) {
      fail(SSP_E_ARGUMENT,
           fmt::format("to_host: a tensor {}[{}] has {} bytes, the plugin's buffer {}", dtype_name(there.scalar_type()),
                       fmt::join(there.sizes(), ", "), there.nbytes(), bytes));
    }
    require(data != nullptr || bytes == 0, SSP_E_ARGUMENT, "to_host: data is null");
    if (bytes != 0) std::memcpy(data, there.const_data_ptr(), bytes);
  });
}

ssp_status grad_push(ssp_call* call, uint32_t on) {
  return guarded([&] { checked(call).scope.host.modes.push_grad(on != 0); });
}

ssp_status autocast_push(ssp_call* call, uint32_t on, int32_t dtype) {
  return guarded([&] { checked(call).scope.host.modes.push_autocast(on != 0, dtype); });
}

ssp_status state_pop(ssp_call* call) {
  return guarded([&] { checked(call).scope.host.modes.pop(); });
}

}  // namespace

const ssp_ops ops_table = {sizeof(ssp_ops), 0,         resolve,       call,      retain, release, info,    from_host,
                           to_host,         grad_push, autocast_push, state_pop, leaf,   grad,    gradient};

}  // namespace selfsup::bridge
