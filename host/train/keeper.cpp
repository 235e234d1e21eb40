#include "train/keeper.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "base/errors.h"
#include "checkpoint/names.h"
#include "train/state_dict.h"
#include "train/weights.h"

namespace selfsup::train {
namespace {

constexpr std::string_view scaler_prefix = "scaler/";

void append(StateDict& to, const StateDict& tensors, std::string_view prefix = "") {
  for (const auto& [name, tensor] : tensors) to.emplace_back(std::string(prefix) + name, tensor);
}

// Whether --load-from would take it: never advise what will fail.
bool could_load(const checkpoint::StrictReport& report) {
  const auto matched = static_cast<double>(report.matched.size()), missing = static_cast<double>(report.missing.size());
  return report.mismatched.empty() && matched > 0 && matched >= least_share * (matched + missing);
}

}  // namespace

const StateDict& Kept::tensors_of(const std::string& file) const {
  if (const auto found = tensors.find(file); found != tensors.end()) return found->second;
  throw Error(Exit::checkpoint, fmt::format("{} holds no {}", source, file));
}

const std::string& Kept::blob(const std::string& file) const {
  if (const auto found = blobs.find(file); found != blobs.end()) return found->second;
  throw Error(Exit::checkpoint, fmt::format("{} holds no {}", source, file));
}

Keeper keep_model(model::ParameterStore& model) {
  return {[&](Kept& into) { append(into.tensors[model_file], model_tensors(model)); },
          [&](const Kept& from) {
            const StateDict &saved = from.tensors_of(model_file), own = model_tensors(model);
            const checkpoint::StrictReport report = compare(own, saved, /*check_dtype=*/true);
            if (!report.exact())
              throw Error(
                  Exit::checkpoint,
                  fmt::format("{} holds another model than this run's{}. {}", from.source,
                              could_load(report) ? "; to take only what fits, use --load-from" : "", report.text()));
            return [own, saved] { copy_values(own, saved); };
          }};
}

Keeper keep_optimizer(Optimizer& optimizer) {
  return {[&](Kept& into) { append(into.tensors[optimizer_file], optimizer.state()); },
          [&](const Kept& from) {
            StateDict saved = from.tensors_of(optimizer_file);
            std::erase_if(saved, [](const auto& tensor) { return tensor.first.starts_with(scaler_prefix); });
            return optimizer.load_state(saved);
          }};
}

Keeper keep_scaler(GradScaler& scaler) {
  return {[&](Kept& into) { append(into.tensors[optimizer_file], scaler.state(), scaler_prefix); },
          [&](const Kept& from) -> std::function<void()> {
            StateDict own, saved;
            append(own, scaler.state(), scaler_prefix);
            for (const auto& tensor : from.tensors_of(optimizer_file))
              if (tensor.first.starts_with(scaler_prefix)) saved.push_back(tensor);
            if (own.empty() || saved.empty()) return [] {};
            const checkpoint::StrictReport report = compare(own, saved, /*check_dtype=*/true);
            if (!report.exact())
              throw Error(Exit::checkpoint,
                          fmt::format("the loss scaler's state in {} is not one. {}", from.source, report.text()));
            return [own, saved] { copy_values(own, saved); };
          }};
}

Keeper keep_task(Task& task, const distributed::Group& group) {
  const auto save = [&](Kept& into) {
    Json::Array listed;
    for (const Task::State& state : task.save_state()) {
      const std::string bytes = {reinterpret_cast<const char*>(state.bytes.data()), state.bytes.size()};
      const std::string file = checkpoint::state_file_name(state.component, state.per_rank, group.rank());
      if (state.per_rank) {
        const std::vector<std::string> all = group.all_gather(bytes);
        for (int rank = 0; rank < group.world(); ++rank)
          into.blobs[checkpoint::state_file_name(state.component, true, rank)] = all[static_cast<size_t>(rank)];
      } else {
        into.blobs[file] = bytes;
      }
      listed.push_back(
          Json(Json::Object{{"component", state.component}, {"per_rank", state.per_rank}, {"file", file}}));
    }
    into.extra.set("states", Json(std::move(listed)));
  };
  const auto load = [&](const Kept& from) {
    std::vector<Task::State> states;
    if (const Json* listed = from.extra.find("states")) {
      for (const Json& node : listed->as_array()) {
        const std::string& component = node.get("component").as_string();
        const bool per_rank = node.get("per_rank").as_bool();
        const std::string& bytes = from.blob(per_rank ? checkpoint::state_file_name(component, true, group.rank())
                                                      : node.get("file").as_string());
        const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
        states.push_back({component, per_rank, {data, data + bytes.size()}});
      }
    }
    return [&task, states] { task.load_state(states); };
  };
  return {save, load};
}

Keeper keep_buckets(distributed::Reducer& reducer) {
  return {[&](Kept& into) { into.buckets = reducer.buckets(); },
          [&](const Kept& from) { return [&reducer, buckets = from.buckets] { reducer.take_buckets(buckets); }; }};
}

}  // namespace selfsup::train
