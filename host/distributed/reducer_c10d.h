// c10d's Reducer behind the interface of reducer.h, for its factory and for tests. Knows no launcher and no store.
#pragma once
#include <c10/util/intrusive_ptr.h>

#include <memory>

#include "distributed/reducer.h"

namespace selfsup::distributed {

// What make_reducer does where there are several ranks. backend: carries the tensors of the parameters' device between
// the ranks of the group. parameters: at least one.
std::unique_ptr<Reducer> make_c10d_reducer(const Group& group, const c10::intrusive_ptr<c10d::ProcessGroup>& backend,
                                           const NamedParameters& parameters, const ReducerOptions& options);

}  // namespace selfsup::distributed
