#include "train/keeper.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "base/errors.h"
#include "checkpoint/names.h"
#include "train/state_dict.h"

namespace selfsup::train {
namespace {

constexpr std::string_view scaler_prefix = "scaler/";

void append(StateDict& to, const StateDict& tensors, std::string_view prefix = "") {
  for (const auto& [name, tensor] : tensors) to.emplace_back(std::string(prefix) + name, tensor);
}

class ModelKeeper final : public Keeper {
 public:
  explicit ModelKeeper(model::ParameterStore& model) : model_(model) {}
  void save(Kept& into) override { append(into.tensors[model_file], model_tensors(model_)); }
  std::function<void()> load(const Kept& from) override {
    const StateDict &saved = from.tensors_of(model_file), own = model_tensors(model_);
    const checkpoint::StrictReport report = compare(own, saved, /*check_dtype=*/true);
    if (!report.exact())
      throw Error(Exit::checkpoint, fmt::format("{} holds another model than this run's; to take only what fits, use "
                                                "--load-from. {}",
                                                from.source, report.text()));
    return [own, saved] { copy_values(own, saved); };
  }

 private:
  model::ParameterStore& model_;
};

class OptimizerKeeper final : public Keeper {
 public:
  explicit OptimizerKeeper(Optimizer& optimizer) : optimizer_(optimizer) {}
  void save(Kept& into) override { append(into.tensors[optimizer_file], optimizer_.state()); }
  std::function<void()> load(const Kept& from) override {
    StateDict saved = from.tensors_of(optimizer_file);
    std::erase_if(saved, [](const auto& tensor) { return tensor.first.starts_with(scaler_prefix); });
    return [this, saved] { optimizer_.load_state(saved); };  // all or nothing
  }

 private:
  Optimizer& optimizer_;
};

class ScalerKeeper final : public Keeper {
 public:
  explicit ScalerKeeper(GradScaler& scaler) : scaler_(scaler) {}
  void save(Kept& into) override { append(into.tensors[optimizer_file], scaler_.state(), scaler_prefix); }
  std::function<void()> load(const Kept& from) override {
    StateDict own, saved;
    append(own, scaler_.state(), scaler_prefix);
    for (const auto& tensor : from.tensors_of(optimizer_file))
      if (tensor.first.starts_with(scaler_prefix)) saved.push_back(tensor);
    if (own.empty() || saved.empty()) return [] {};
    const checkpoint::StrictReport report = compare(own, saved, /*check_dtype=*/true);
    if (!report.exact())
      throw Error(Exit::checkpoint,
                  fmt::format("the loss scaler's state in {} is not one. {}", from.source, report.text()));
    return [own, saved] { copy_values(own, saved); };
  }

 private:
  GradScaler& scaler_;
};

class TaskKeeper final : public Keeper {
 public:
  TaskKeeper(Task& task, const distributed::Group& group) : task_(task), group_(group) {}
  void save(Kept& into) override {
    Json::Array listed;
    for (const Task::State& state : task_.save_state()) {
      const std::string file = checkpoint::state_file_name(state.component, state.per_rank, group_.rank());
      into.blobs[file] = {reinterpret_cast<const char*>(state.bytes.data()), state.bytes.size()};
      listed.push_back(
          Json(Json::Object{{"component", state.component}, {"per_rank", state.per_rank}, {"file", file}}));
    }
    into.extra.set("states", Json(std::move(listed)));
  }
  std::function<void()> load(const Kept& from) override {
    std::vector<Task::State> states;
    if (const Json* listed = from.extra.find("states")) {
      for (const Json& node : listed->as_array()) {
        const std::string& component = node.get("component").as_string();
        const bool per_rank = node.get("per_rank").as_bool();
        const std::string& bytes = from.blob(per_rank ? checkpoint::state_file_name(component, true, group_.rank())
                                                      : node.get("file").as_string());
        const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
        states.push_back({component, per_rank, {data, data + bytes.size()}});
      }
    }
    return [this, states] { task_.load_state(states); };
  }

 private:
  Task& task_;
  const distributed::Group& group_;
};

}  // namespace

const StateDict& Kept::tensors_of(const std::string& file) const {
  if (const auto found = tensors.find(file); found != tensors.end()) return found->second;
  throw Error(Exit::checkpoint, fmt::format("{} holds no {}", source, file));
}

const std::string& Kept::blob(const std::string& file) const {
  if (const auto found = blobs.find(file); found != blobs.end()) return found->second;
  throw Error(Exit::checkpoint, fmt::format("{} holds no {}", source, file));
}

std::unique_ptr<Keeper> keep_optimizer(Optimizer& optimizer) { return std::make_unique<OptimizerKeeper>(optimizer); }
std::unique_ptr<Keeper> keep_scaler(GradScaler& scaler) { return std::make_unique<ScalerKeeper>(scaler); }
std::unique_ptr<Keeper> keep_model(model::ParameterStore& model) { return std::make_unique<ModelKeeper>(model); }
std::unique_ptr<Keeper> keep_task(Task& task, const distributed::Group& group) {
  return std::make_unique<TaskKeeper>(task, group);
}

}  // namespace selfsup::train
