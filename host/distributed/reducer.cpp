#include "distributed/reducer.h"

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include "distributed/reducer_c10d.h"

namespace selfsup::distributed {

std::unique_ptr<Reducer> make_reducer(const World& world, const NamedParameters& parameters,
                                      const ReducerOptions& options) {
  if (world.group().world() == 1 || parameters.empty()) return make_plain_reducer(world.group());
  return make_c10d_reducer(world.group(), world.process_group(), parameters, options);
}

}  // namespace selfsup::distributed
