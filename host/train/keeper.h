// The parts of a run that its checkpoints keep: parameters, optimizer, loss scaler, the algorithm's own state, the
// order in which gradients are reduced. Knows no file system. What else a run must keep to go on exactly is one more
// keeper.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "distributed/group.h"
#include "distributed/reducer.h"
#include "model/store.h"
#include "report/window.h"
#include "train/amp.h"
#include "train/optimizers/optimizer.h"
#include "train/task.h"

namespace selfsup::train {

// What a checkpoint holds beside the counters.
struct Kept {
  std::string source;                        // for messages
  std::map<std::string, StateDict> tensors;  // by file
  std::map<std::string, std::string> blobs;  // by file
  Json extra = Json::object();               // of the manifest
  distributed::Buckets buckets = {};         // likewise

  // Error(checkpoint) when there is no such file.
  const StateDict& tensors_of(const std::string& file) const;
  const std::string& blob(const std::string& file) const;
};

struct Keeper {
  // Adds what is to be kept, as it is now. Tensors are shared.
  std::function<void(Kept& into)> save;
  // Judges what was kept, and changes nothing: Error(checkpoint). Returns what takes it in.
  std::function<std::function<void()>(const Kept& from)> load;
};
using Keepers = std::vector<Keeper>;

// Of these, which outlive the result:
// "optimizer.safetensors": an optimizer's and a loss scaler's tensors, the latter as "scaler/<name>". A loss scaler
// that the saved run did not have starts afresh. So does the state of a parameter that the saved run held still, and
// that of one which is held still now is left: the rules may have changed. Both are told in the log.
Keeper keep_optimizer(Optimizer& optimizer, const model::ParameterStore& model);
Keeper keep_scaler(GradScaler& scaler);
// "model.safetensors": all tensors but the transient ones. One that is missing, too many or of another shape or type is
// refused, with the list.
Keeper keep_model(model::ParameterStore& model);
// Files below "state/", one a component and, where it says so, a rank; a rank that the saved run did not have takes
// that of another. A component judges its bytes by itself, when it takes them in.
Keeper keep_task(Task& task, const distributed::Group& group);
// "ranks.safetensors", of several ranks: tensors that each has a value of its own of, as "RANK/name". After keep_model,
// whose file has the first rank's.
Keeper keep_rank_tensors(model::ParameterStore& model, const distributed::Group& group);
// The buckets of the manifest. Those of another number of parameters are left aside, which changes no more than the
// last bits of sums.
Keeper keep_buckets(distributed::Reducer& reducer);

// The numbers for the next log line: "log_window.jsonl", a line for each rank, where there are any. A rank that the
// saved run did not have takes those of another.
Keeper keep_window(report::Window& window, const distributed::Group& group);

inline constexpr const char* model_file = "model.safetensors";
inline constexpr const char* optimizer_file = "optimizer.safetensors";

}  // namespace selfsup::train
