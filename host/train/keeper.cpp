#include "train/keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string_view>
#include <utility>

#include "base/errors.h"
#include "base/log.h"
#include "checkpoint/names.h"
#include "distributed/rank_text.h"
#include "train/state_dict.h"
#include "train/weights.h"

namespace selfsup::train {
namespace {

constexpr std::string_view scaler_prefix = "scaler/";
constexpr const char* kWindowFile = "log_window.jsonl";

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

namespace {

// Of a name of an optimizer's state, "<parameter>/<what>".
std::string_view parameter_of(std::string_view name) { return name.substr(0, name.rfind('/')); }

// A saved state as it is for the parameters that train now.
StateDict state_for(const StateDict& own, StateDict saved, const model::ParameterStore& model) {
  std::set<std::string, std::less<>> held;
  for (const model::Entry& entry : model.entries())
    if (entry.held) held.insert(entry.name);
  const size_t left =
      std::erase_if(saved, [&](const auto& tensor) { return held.contains(parameter_of(tensor.first)); });
  if (left > 0)
    log_info(fmt::format("{} tensors of the optimizer's state are left: their parameters are frozen now", left));
  std::set<std::string_view> known;
  for (const auto& [name, tensor] : saved) known.insert(parameter_of(name));
  if (known.empty()) return saved;  // nothing in common: that is for the optimizer to judge
  int64_t begun = 0;
  for (const auto& [name, tensor] : own) {
    if (known.contains(parameter_of(name))) continue;
    saved.emplace_back(name, tensor);
    ++begun;
  }
  if (begun > 0)
    log_info(fmt::format("{} tensors of the optimizer's state begin anew: the saved run had none for their parameters",
                         begun));
  return saved;
}

}  // namespace

Keeper keep_optimizer(Optimizer& optimizer, const model::ParameterStore& model) {
  return {[&](Kept& into) { append(into.tensors[optimizer_file], optimizer.state()); },
          [&](const Kept& from) {
            StateDict saved = from.tensors_of(optimizer_file);
            std::erase_if(saved, [](const auto& tensor) { return tensor.first.starts_with(scaler_prefix); });
            return optimizer.load_state(state_for(optimizer.state(), std::move(saved), model));
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

namespace {

// Components and their bytes, to and from one text: what ranks have may differ.
std::string packed(const std::vector<Task::State>& states) {
  std::string text;
  for (const Task::State& state : states)
    if (state.per_rank)
      text += fmt::format("{} {}\n{}{}", state.component.size(), state.bytes.size(), state.component,
                          std::string_view(reinterpret_cast<const char*>(state.bytes.data()), state.bytes.size()));
  return text;
}

std::vector<std::pair<std::string, std::string>> unpacked(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> states;
  while (!text.empty()) {
    const size_t blank = text.find(' '), line = text.find('\n');
    const size_t name = std::stoul(std::string(text.substr(0, blank)));
    const size_t bytes = std::stoul(std::string(text.substr(blank + 1, line - blank - 1)));
    text.remove_prefix(line + 1);
    states.emplace_back(text.substr(0, name), text.substr(name, bytes));
    text.remove_prefix(name + bytes);
  }
  return states;
}

// That of a rank, or of one that is there where the run had fewer ranks.
std::string file_for(const Kept& from, const std::string& component, int rank) {
  int had = 0;
  while (from.blobs.contains(checkpoint::state_file_name(component, true, had))) ++had;
  return checkpoint::state_file_name(component, true, had > 0 ? rank % had : rank);
}

}  // namespace

Keeper keep_task(Task& task, const distributed::Group& group) {
  const auto save = [&](Kept& into) {
    Json::Array listed;
    const auto list = [&](const std::string& component, bool per_rank, const std::string& file) {
      listed.push_back(Json(Json::Object{{"component", component}, {"per_rank", per_rank}, {"file", file}}));
    };
    const std::vector<Task::State> states = task.save_state();
    for (const Task::State& state : states) {
      if (state.per_rank) continue;
      const std::string file = checkpoint::state_file_name(state.component, false, 0);
      into.blobs[file] = {reinterpret_cast<const char*>(state.bytes.data()), state.bytes.size()};
      list(state.component, false, file);
    }
    int rank = 0;
    std::set<std::string> seen;
    for (const std::string& text : group.all_gather(packed(states))) {
      for (const auto& [component, bytes] : unpacked(text)) {
        const std::string file = checkpoint::state_file_name(component, true, rank);
        into.blobs[file] = bytes;
        if (seen.insert(component).second) list(component, true, file);
      }
      ++rank;
    }
    into.extra.set("states", Json(std::move(listed)));
  };
  const auto load = [&](const Kept& from) {
    std::vector<Task::State> states;
    if (const Json* listed = from.extra.find("states")) {
      for (const Json& node : listed->as_array()) {
        const std::string& component = node.get("component").as_string();
        const bool per_rank = node.get("per_rank").as_bool();
        const std::string file = per_rank ? file_for(from, component, group.rank()) : node.get("file").as_string();
        if (per_rank && !from.blobs.contains(file)) continue;  // that rank had none
        const std::string& bytes = from.blob(file);
        const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
        states.push_back({component, per_rank, {data, data + bytes.size()}});
      }
    }
    return [&task, states] { task.load_state(states); };
  };
  return {save, load};
}

namespace {

constexpr const char* kRanksFile = "ranks.safetensors";

std::string of_rank(int rank, const std::string& name) { return fmt::format("{}/{}", rank, name); }

StateDict own_tensors(const model::ParameterStore& model) {
  StateDict own;
  for (const model::Entry& entry : model.entries())
    if (entry.per_rank && !entry.transient) own.emplace_back(entry.name, entry.tensor);
  return own;
}

}  // namespace

Keeper keep_rank_tensors(model::ParameterStore& model, const distributed::Group& group) {
  return {[&](Kept& into) {
            if (group.world() == 1) return;
            for (const auto& [name, tensor] : own_tensors(model)) {
              const at::Tensor all = group.all_gather(tensor.detach().cpu().contiguous().unsqueeze(0));
              for (int rank = 0; rank < group.world(); ++rank)
                into.tensors[kRanksFile].emplace_back(of_rank(rank, name), all[rank].clone());
            }
          },
          [&](const Kept& from) -> std::function<void()> {
            const auto saved = from.tensors.find(kRanksFile);
            if (saved == from.tensors.end()) return [] {};
            StateDict own = own_tensors(model), found;
            for (const auto& [name, tensor] : own)
              for (const auto& [key, value] : saved->second)
                if (key == of_rank(group.rank(), name)) found.emplace_back(name, value);
            if (found.empty()) return [] {};  // a run of fewer ranks: the first one's, which the model's file has
            const checkpoint::StrictReport report = compare(own, found, /*check_dtype=*/true);
            if (!report.exact())
              throw Error(Exit::checkpoint,
                          fmt::format("{} in {} is not of this model. {}", kRanksFile, from.source, report.text()));
            return [own, found] { copy_values(own, found); };
          }};
}

Keeper keep_window(report::Window& window, const distributed::Group& group) {
  const auto save = [&](Kept& into) {
    std::string lines;
    bool any = false;
    for (const std::string& line : group.all_gather(window.empty() ? "" : window.text())) {
      lines += line + "\n";
      any = any || !line.empty();
    }
    if (any) into.blobs[kWindowFile] = lines;
  };
  const auto load = [&](const Kept& from) -> std::function<void()> {
    report::Window kept;
    if (const auto found = from.blobs.find(kWindowFile); found != from.blobs.end()) {
      const std::vector<std::string> lines = distributed::lines_of(found->second);  // the last one is empty
      const std::string& line = lines[static_cast<size_t>(group.rank()) % std::max<size_t>(1, lines.size() - 1)];
      if (!line.empty()) kept = report::Window::of(line, fmt::format("{}/{}", from.source, kWindowFile));
    }
    return [&window, kept] { window = kept; };
  };
  return {save, load};
}

Keeper keep_buckets(distributed::Reducer& reducer) {
  return {[&](Kept& into) { into.buckets = reducer.buckets(); },
          [&](const Kept& from) { return [&reducer, buckets = from.buckets] { reducer.take_buckets(buckets); }; }};
}

}  // namespace selfsup::train
