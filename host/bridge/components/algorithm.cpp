#include "bridge/components/algorithm.h"

#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <ranges>
#include <unordered_set>
#include <utility>

#include "base/errors.h"
#include "base/random.h"
#include "bridge/components/collector.h"
#include "bridge/components/create.h"
#include "bridge/components/leak_watch.h"
#include "bridge/components/names.h"
#include "bridge/components/result_checks.h"
#include "bridge/cross.h"
#include "bridge/status.h"
#include "bridge/tables/batch.h"
#include "bridge/tables/call.h"
#include "plugin/ending.h"

namespace selfsup::bridge {

bool NamedTensor::is_loss() const { return (flags & SSP_EMIT_LOSS) != 0; }

struct Algorithm::Impl {
  Facts facts;
  HostState& host;
  Session session;
  Instance* self = nullptr;
  LeakWatch leaks;
  bool stepped = false;

  Impl(HostState& h, const plugin::Registry& registry, const Facts& f, model::ParameterStore& store)
      : facts(f), host(h), session{h, registry, facts, store} {
    host.declared.use(&store);
  }
  ~Impl() {
    destroy_components(session, 0);
    host.declared.use(nullptr);
  }

  const ssp_algorithm& table() const { return self->table<ssp_algorithm>(); }

  // A function that the table may lack; null: it does.
  template <class Function>
  Function offered(Function ssp_algorithm::*field) const {
    const auto end = reinterpret_cast<const char*>(&(table().*field) + 1) - reinterpret_cast<const char*>(&table());
    return end <= table().struct_size ? table().*field : nullptr;
  }

  // Once a step has been through, it is no longer the configuration that cannot work.
  Error told(const Failure& e) const { return to_error({stepped ? ssp_status{SSP_E_PLUGIN} : e.status, e.text}); }

  // A callback of the algorithm itself.
  template <class Body>
  void run(const char* function, Body&& body) {
    try {
      cross(*self, function, Phase::call, body);
    } catch (const Failure& e) {
      throw told(e);
    }
  }

  std::vector<NamedTensor> take(TensorCollector& collector, std::span<const std::string> asked = {}) {
    try {
      return collector.take(asked);
    } catch (const Failure& e) {
      throw told(e);
    }
  }
};

namespace {

// While it lives, declared tensors keep their values.
class OnlyLooks {
 public:
  explicit OnlyLooks(HostState& host) : host_(host) { host_.only_looks = true; }
  ~OnlyLooks() { host_.only_looks = false; }
  OnlyLooks(const OnlyLooks&) = delete;
  OnlyLooks& operator=(const OnlyLooks&) = delete;

 private:
  HostState& host_;
};

}  // namespace

Algorithm::Algorithm(const plugin::Registry& registry, const Json& config, const Facts& facts,
                     model::ParameterStore& store) {
  const plugin::Component& component = registry.find(SSP_KIND_ALGORITHM, config.get("type").as_string());
  try {
    impl_ = std::make_unique<Impl>(host_of(component.plugin->host), registry, facts, store);
    Build root(impl_->host);
    root.session = &impl_->session;
    root.facts = &impl_->facts;
    root.config_path = "model";
    root.node = std::shared_ptr<const Json>(std::shared_ptr<void>(), &config);
    impl_->self = &create_component(impl_->session, component, root);
  } catch (const Failure& e) {
    throw to_error(e);
  }
}

Algorithm::~Algorithm() = default;

std::string Algorithm::label() const { return impl_->self->label; }

std::vector<NamedTensor> Algorithm::training_step(const Step& step, const StepBatch& batch) {
  CallScope call(impl_->host, step, batch_size(batch), batch.sample_index, static_cast<uint32_t>(batch.views.size()));
  BatchTable table(impl_->host, batch);
  TensorCollector collector(*impl_->self, "training_step", Emits::losses, call.batch);
  impl_->run("training_step", [&] {
    return impl_->table().training_step(impl_->self->self, call.root(), table.get(), collector.get());
  });
  impl_->leaks.look(impl_->session);
  return impl_->take(collector);
}

void Algorithm::step_is_through() {
  if (!std::exchange(impl_->stepped, true)) plugin::first_step_is_through();
}

bool Algorithm::stepped() const { return impl_->stepped; }

bool Algorithm::can_extract_features() const { return impl_->offered(&ssp_algorithm::features) != nullptr; }
bool Algorithm::can_reconstruct() const { return impl_->offered(&ssp_algorithm::reconstruct) != nullptr; }

std::vector<NamedTensor> Algorithm::features(const Step& step, const at::Tensor& images,
                                             std::span<const std::string> layers) {
  if (!can_extract_features())
    throw Error(Exit::usage, fmt::format("{} offers no features", impl_->self->component->name));
  c10::NoGradGuard no_grad;
  const OnlyLooks looks(impl_->host);
  Step eval = step;
  eval.mode = Mode::eval;
  CallScope call(impl_->host, eval, images.size(0), {}, 1);
  std::vector<ssp_str> names;
  for (const std::string& layer : layers) names.push_back(borrow(layer));
  const Lent lent(impl_->host.handles, images);
  TensorCollector collector(*impl_->self, "features", Emits::features, images.size(0));
  impl_->run("features", [&] {
    return impl_->table().features(impl_->self->self, call.root(), *lent.data(), names.data(),
                                   static_cast<uint32_t>(names.size()), collector.get());
  });
  return impl_->take(collector, layers);
}

std::vector<NamedTensor> Algorithm::reconstruct(const Step& step, const StepBatch& batch) {
  if (!can_reconstruct())
    throw Error(Exit::usage, fmt::format("{} offers no reconstruct", impl_->self->component->name));
  c10::NoGradGuard no_grad;
  const OnlyLooks looks(impl_->host);
  Step eval = step;
  eval.mode = Mode::eval;
  CallScope call(impl_->host, eval, batch_size(batch), batch.sample_index, static_cast<uint32_t>(batch.views.size()));
  BatchTable table(impl_->host, batch);
  TensorCollector collector(*impl_->self, "reconstruct", Emits::images, call.batch, batch.views.at(0).size(1));
  impl_->run("reconstruct",
             [&] { return impl_->table().reconstruct(impl_->self->self, call.root(), table.get(), collector.get()); });
  return impl_->take(collector);
}

std::vector<NamedTensor> Algorithm::on_event(const Step& step, Event event) {
  if (!wants(event)) return {};
  const auto react = impl_->table().on_event;
  HostState& host = impl_->host;
  const modes::Guard modes(host.modes);
  c10::GradMode::set_enabled(false);
  host.modes.push_autocast(false, 0);
  const uint64_t site = hash_key(hash_name("event"), static_cast<uint64_t>(event));
  CallScope call(host, step, 0, {}, 1, site);
  TensorCollector metrics(*impl_->self, "on_event", Emits::metrics, 0);
  const ssp_event told{sizeof told, static_cast<uint32_t>(event), metrics.get()};
  host.has_gradients = event == Event::gradients;
  impl_->run("on_event", [&] { return react(impl_->self->self, call.root(), &told); });
  return impl_->take(metrics);
}

bool Algorithm::wants(Event event) const {
  const uint32_t needed = event == Event::gradients     ? SSP_CAP_GRADIENTS
                          : event == Event::epoch_begin ? SSP_CAP_EPOCH_BEGIN
                                                        : 0;
  return impl_->offered(&ssp_algorithm::on_event) && (impl_->table().caps & needed) == needed;
}

std::vector<Algorithm::State> Algorithm::save_state() {
  std::vector<State> states;
  const auto save = impl_->offered(&ssp_algorithm::save_state);
  if (!save) return states;
  const OnlyLooks looks(impl_->host);
  for (uint32_t scope : {SSP_STATE_SHARED, SSP_STATE_RANK}) {
    ByteCollector collector(impl_->host);
    impl_->run("save_state", [&] { return save(impl_->self->self, scope, collector.get()); });
    if (collector.any()) states.push_back({impl_->self->path, scope == SSP_STATE_RANK, std::move(collector.bytes)});
  }
  return states;
}

void Algorithm::load_state(const std::vector<State>& states) {
  const auto load = impl_->offered(&ssp_algorithm::load_state);
  for (const State& state : states) {
    if (state.component != impl_->self->path) {
      throw Error(Exit::checkpoint,
                  fmt::format("saved state of component '{}', which this model does not have", state.component));
    }
    if (!load) {
      throw Error(Exit::checkpoint,
                  fmt::format("{} saved a state but offers no load_state", impl_->self->component->name));
    }
    impl_->run("load_state", [&] {
      return load(impl_->self->self, state.per_rank ? SSP_STATE_RANK : SSP_STATE_SHARED, state.bytes.data(),
                  state.bytes.size());
    });
  }
}

std::vector<std::pair<std::string, std::string>> Algorithm::export_names(const std::string& format) {
  std::vector<std::pair<std::string, std::string>> all;
  std::unordered_set<std::string> named;
  // The algorithm was completed last, after all that it asked for.
  for (const auto& instance : impl_->session.instances | std::views::reverse) {
    try {
      for (auto& [own, name] : names_of(*instance, borrow(format))) {
        std::string full = join_names(instance->path, own);
        if (!impl_->session.store.find(full))
          bad_result(*instance, "names", fmt::format("there is no tensor '{}' to be called '{}'", full, name));
        if (named.insert(full).second) all.emplace_back(std::move(full), std::move(name));
      }
    } catch (const Failure& e) {
      throw Error(Exit::plugin, e.text);
    }
  }
  return all;
}

}  // namespace selfsup::bridge
