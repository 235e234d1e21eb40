// The algorithm of a run, as the training loop sees it: tensors in, named tensors out. Hides every C table.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "bridge/facts.h"
#include "model/store.h"
#include "plugin/registry.h"

namespace selfsup::bridge {

enum class Mode { train, eval };
enum class Origin { fresh, loaded, resumed };
enum class Event { ready = 1, epoch_begin, updated, epoch_end, end, gradients };

// Where a per-step call stands in the run; fields as in ssp/call.h.
struct Step {
  Mode mode = Mode::train;
  Origin origin = Origin::fresh;
  uint32_t micro = 0, micros = 1;
  uint64_t iter = 0, max_iters = 0, update = 0, max_updates = 0, epoch = 0, max_epochs = 0, epoch_iters = 0;
};

struct Field {
  std::string name;
  int view = -1;
  at::Tensor value;
};

// views: f32 [B,C,H,W] on the run's device. sample_index: i64 [B] on the CPU, for the keys of random numbers.
struct StepBatch {
  std::vector<at::Tensor> views;
  at::Tensor sample_index;
  // "label" and what transforms set, on any device: moved when a component asks. "sample_index" is offered without
  // being here.
  std::vector<Field> fields;
};

struct NamedTensor {
  std::string name;
  at::Tensor value;
  uint32_t flags;  // SSP_EMIT_*
  bool is_loss() const;
};

// A component's schema, asked once and kept in it, and an algorithm's run-level defaults for these facts. Error(plugin)
// on failure.
const Json& component_schema(const plugin::Component& component);
Json algorithm_defaults(const plugin::Component& algorithm, const Facts& facts);

class Algorithm {
 public:
  // Creates the component and all it asks for, in the registry's host, which has one algorithm at a time; declares
  // every tensor in `store` (values not yet filled). config: the validated node `model`. All references must outlive
  // this object.
  Algorithm(const plugin::Registry& registry, const Json& config, const Facts& facts, model::ParameterStore& store);
  ~Algorithm();  // destroys components in reverse order

  std::string label() const;  // "model (NAME of PLUGIN)"

  // What plugins do wrong is Error(plugin), or, until a step has been through, Error(usage) where they say that the
  // configuration asks for what cannot be; prefixed by component and function: "backbone (NAME of PLUGIN).encode: …".
  std::vector<NamedTensor> training_step(const Step& step, const StepBatch& batch);
  void step_is_through();  // with backward and update
  bool stepped() const;    // one has been
  std::vector<NamedTensor> features(const Step& step, const at::Tensor& images,
                                    std::span<const std::string> layers = {});
  std::vector<NamedTensor> reconstruct(const Step& step, const StepBatch& batch);
  bool can_extract_features() const;
  bool can_reconstruct() const;
  // The metrics that it emits, to be logged with the step that the event belongs to. Event::gradients comes between
  // backward and optimizer, with gradients reduced and unscaled. Nothing happens where it does not want the event.
  std::vector<NamedTensor> on_event(const Step& step, Event event);
  bool wants(Event event) const;  // of gradients and epoch_begin, for which others wait: it says so

  struct State {
    std::string component;  // path, "" for the algorithm itself
    bool per_rank;
    std::vector<std::byte> bytes;
  };
  std::vector<State> save_state();
  void load_state(const std::vector<State>& states);

  // For export, in an order that does not change: the own name of a tensor, with the prefix of the component that gives
  // the pair, and its name in `format`. Of two components that name one tensor, the outer one counts. Error(plugin) for
  // a tensor that is not there.
  std::vector<std::pair<std::string, std::string>> export_names(const std::string& format);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace selfsup::bridge
