// An operator as a plugin resolved it: LibTorch's schema, the arguments that calls pass, defaults for the others.
#pragma once
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "ssp/ops.h"

namespace selfsup::bridge {

struct HostState;

// What an argument of an operator takes. real_type() decides: type() calls an element type an int.
enum class Accept : uint8_t {
  tensor,
  integer,
  real,
  scalar,
  boolean,
  text,
  ints,
  reals,
  bools,
  scalars,
  tensors,
  maybe_tensors,  // a list whose elements may be none
  dtype,
  device,
  generator,
  nothing  // a kind that ssp_value does not have: its default only
};

struct Argument {
  Accept accept = Accept::nothing;
  bool optional = false;
  bool written = false;   // changed in place
  int32_t expand = 0;     // "int[2]": an int stands for a list of so many; 0: it does not
  uint16_t position = 0;  // in the schema
};

}  // namespace selfsup::bridge

struct ssp_op_s {
  selfsup::bridge::HostState* host;  // null once it is gone
  c10::OperatorHandle handle;
  std::string name;
  std::vector<selfsup::bridge::Argument> given;  // in the order in which calls pass them
  std::vector<c10::IValue> defaults;             // the whole stack; none where a call must pass a value
  bool in_order = true;                          // what calls pass are the first arguments of the schema
  bool writes = false;
  uint32_t least_results = 0;
};

namespace selfsup::bridge {

// What the plugins of one host have resolved. Plugins keep the pointers until the process ends: the operators outlive
// this object, without a host.
class Operators {
 public:
  explicit Operators(HostState& host) : host_(host) {}
  ~Operators();
  Operators(const Operators&) = delete;
  Operators& operator=(const Operators&) = delete;

  // The same request gives the same operator. args: "self,other". Failure(SSP_E_UNSUPPORTED) when the operator or an
  // argument is not in the SDK's list or not in this LibTorch.
  ssp_op resolve(const std::string& name, const std::string& overload, const std::string& args);

 private:
  HostState& host_;
  std::deque<ssp_op_s> made_;
  std::unordered_map<std::string, ssp_op> known_;
};

std::string schema_text(const ssp_op_s& op);

}  // namespace selfsup::bridge
