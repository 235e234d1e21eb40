// The table "ssp.ops": operators, tensors to and from the host, gradient and autocast scopes.
#include <ATen/autocast_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <fmt/format.h>

#include <cstring>

#include "bridge/active.h"
#include "bridge/operators/convert.h"
#include "bridge/operators/dtype.h"
#include "bridge/operators/handles.h"
#include "bridge/operators/modes.h"
#include "bridge/status.h"
#include "bridge/tables/tables.h"

namespace selfsup::bridge {
namespace {

using Stack = torch::jit::Stack;

// One stack is reused by all calls; a nested call finds it taken and gets its own.
class StackLoan {
 public:
  StackLoan() : stack_(std::move(spare())) { stack_.clear(); }
  ~StackLoan() {
    stack_.clear();
    spare() = std::move(stack_);
  }
  StackLoan(const StackLoan&) = delete;
  StackLoan& operator=(const StackLoan&) = delete;
  Stack& operator*() { return stack_; }

 private:
  static Stack& spare() {
    static auto& stack = *new Stack;
    return stack;
  }
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
void each_tensor(const ssp_value& value, F&& f) {
  if (value.kind == SSP_V_TENSOR) f(handles::peek(value.u.tensor));
  if (value.kind != SSP_V_TENSORS) return;
  for (uint32_t i = 0; i < value.count; ++i)
    if (value.u.tensors[i].id) f(handles::peek(value.u.tensors[i]));
}

// Autocast keeps casts of parameters; one that was changed in place would go on being used in its old cast.
void forget_casts(const ssp_op_s& op, const ssp_value* args) {
  bool trained = false;
  for (size_t i = 0; i < op.given.size(); ++i) {
    if (op.given[i].written)
      each_tensor(args[i], [&](const at::Tensor& t) { trained = trained || aliases_trained(t); });
  }
  if (trained) at::autocast::clear_cache();
}

[[noreturn]] void operator_failed(const ssp_op_s& op, const ssp_value* args, uint32_t n, ssp_status status,
                                  const std::string& why) {
  fail(status, fmt::format("{}: {}", call_text(op, args, n), why));
}

void invoke(const ssp_op_s& op, const ssp_value* args, uint32_t n, Stack& stack) {
  try {
    op.handle.callBoxed(stack);
  } catch (const c10::OutOfMemoryError& e) {
    operator_failed(op, args, n, SSP_E_MEMORY, e.what_without_backtrace());
  } catch (const c10::Error& e) {
    operator_failed(op, args, n, SSP_E_OP, e.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    operator_failed(op, args, n, SSP_E_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    operator_failed(op, args, n, SSP_E_OP, e.what());
  }
}

ssp_status resolve(const char* name, const char* overload, const char* args, ssp_op* out) {
  return guarded([&] {
    require(name && overload && args && out, SSP_E_ARGUMENT, "resolve: name, overload, args and out must not be null");
    require_init();
    *out = resolve_operator(name, overload, args);
  });
}

ssp_status call(ssp_op op, const ssp_value* args, uint32_t n, ssp_value* outs, uint32_t* n_outs) {
  return guarded([&] {
    require_operators();
    require(op != nullptr, SSP_E_ARGUMENT, "the operator is null: was it resolved in init?");
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
    StackLoan loan;
    Stack& stack = *loan;
    fill(*op, args, stack);
    if (active().phase == Phase::create)
      for (uint32_t i = 0; i < n; ++i) each_tensor(args[i], require_values);
    invoke(*op, args, n, stack);
    if (op->writes) forget_casts(*op, args);
    if (!outs) {
      if (n_outs) *n_outs = 0;
    } else if (stack.size() == 1 && stack[0].isTensor()) {
      at::Tensor result = std::move(stack[0]).toTensor();
      outs[0] = {result.defined() ? uint32_t{SSP_V_TENSOR} : uint32_t{SSP_V_NONE}, 0, {}};
      outs[0].u.tensor = handles::give(std::move(result));
      *n_outs = 1;
    } else {
      to_values(*op, stack, outs, n_outs);
    }
  });
}

// retain and release leave the text of a failure alone when they succeed.
ssp_status retain(ssp_tensor tensor) {
  return guarded([&] {
    require(handles::is_open(), SSP_E_PRECONDITION, "the host has shut down");
    handles::retain(tensor);
  });
}

ssp_status release(ssp_tensor tensor) {
  return guarded([&] { handles::release(tensor); });
}

ssp_status info(ssp_tensor handle, ssp_tensor_info* out, uint32_t out_size) {
  return guarded([&] {
    require_owner("tensors are read on the thread of the call or create in progress");
    require(out != nullptr, SSP_E_ARGUMENT, "info: out is null");
    const at::Tensor& t = handles::peek(handle);
    ssp_tensor_info i{};
    i.ndim = static_cast<uint32_t>(t.dim());
    i.dtype = from_torch(t.scalar_type());
    i.device_type = t.is_cuda() ? 1 : 0;
    i.device_index = t.is_cuda() ? t.get_device() : -1;
    i.sizes = t.sizes().data();
    i.numel = t.numel();
    i.requires_grad = t.requires_grad();
    std::memcpy(out, &i, std::min<size_t>(out_size, sizeof i));
  });
}

ssp_status from_host(const void* data, int32_t dtype, const int64_t* sizes, uint32_t ndim, ssp_tensor* out) {
  return guarded([&] {
    require_operators();
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
    *out = handles::give(copy.to(active().environment.device));
  });
}

ssp_status to_host(ssp_tensor handle, int32_t dtype, void* data, uint64_t bytes) {
  return guarded([&] {
    require_operators();
    require_values(handles::peek(handle));
    const at::Tensor host = handles::peek(handle).detach().to(at::kCPU, to_torch(dtype)).contiguous();
    if (host.nbytes() != bytes) {
      fail(SSP_E_ARGUMENT,
           fmt::format("to_host: a tensor {}[{}] has {} bytes, the plugin's buffer {}", dtype_name(host.scalar_type()),
                       fmt::join(host.sizes(), ", "), host.nbytes(), bytes));
    }
    require(data != nullptr || bytes == 0, SSP_E_ARGUMENT, "to_host: data is null");
    if (bytes != 0) std::memcpy(data, host.const_data_ptr(), bytes);
  });
}

ssp_status grad_push(uint32_t on) {
  return guarded([&] {
    require_operators();
    modes::push_grad(on != 0);
  });
}

ssp_status autocast_push(uint32_t on, int32_t dtype) {
  return guarded([&] {
    require_operators();
    modes::push_autocast(on != 0, dtype);
  });
}

ssp_status state_pop() {
  return guarded([&] {
    require_operators();
    modes::pop();
  });
}

}  // namespace

const ssp_ops ops_table = {sizeof(ssp_ops), 0,       resolve,   call,          retain,   release, info,
                           from_host,       to_host, grad_push, autocast_push, state_pop};

}  // namespace selfsup::bridge
