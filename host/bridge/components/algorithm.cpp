#include "bridge/components/algorithm.h"

#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "base/errors.h"
#include "base/random.h"
#include "bridge/components/collector.h"
#include "bridge/components/create.h"
#include "bridge/components/leak_watch.h"
#include "bridge/cross.h"
#include "bridge/operators/handles.h"
#include "bridge/operators/modes.h"
#include "bridge/status.h"
#include "bridge/tables/batch.h"
#include "bridge/tables/call.h"

namespace selfsup::bridge {

bool NamedTensor::is_loss() const { return (flags & SSP_EMIT_LOSS) != 0; }

struct Algorithm::Impl {
  Facts facts;
  Session session;
  Instance* self = nullptr;
  LeakWatch leaks;
  bool stepped = false;

  Impl(const plugin::Registry& registry, const Facts& f, model::ParameterStore& store)
      : facts(f), session{registry, facts, store, {}, {}} {}

  const ssp_algorithm& table() const { return self->table<ssp_algorithm>(); }

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

Algorithm::Algorithm(const plugin::Registry& registry, const Json& config, const Facts& facts,
                     model::ParameterStore& store)
    : impl_(std::make_unique<Impl>(registry, facts, store)) {
  const plugin::Component& component = registry.find(SSP_KIND_ALGORITHM, config.get("type").as_string());
  ssp_build root;
  root.session = &impl_->session;
  root.facts = &impl_->facts;
  root.config_path = "model";
  root.node = std::shared_ptr<const Json>(std::shared_ptr<void>(), &config);
  active().trained.clear();
  active().declared.clear();
  try {
    impl_->self = &create_component(impl_->session, component, root);
  } catch (const Failure& e) {
    throw to_error(e);
  }
}

Algorithm::~Algorithm() {
  destroy_components(impl_->session, 0);
  active().trained.clear();
}

std::string Algorithm::label() const { return impl_->self->label; }

std::vector<NamedTensor> Algorithm::training_step(const Step& step, const StepBatch& batch) {
  CallScope call(step, batch_size(batch), batch.sample_index, static_cast<uint32_t>(batch.views.size()));
  BatchTable table(batch);
  TensorCollector collector(*impl_->self, "training_step", Emits::losses, call.batch);
  impl_->run("training_step", [&] {
    return impl_->table().training_step(impl_->self->self, call.root(), table.get(), collector.get());
  });
  impl_->leaks.look(impl_->session);
  std::vector<NamedTensor> emitted = impl_->take(collector);
  impl_->stepped = true;
  return emitted;
}

bool Algorithm::stepped() const { return impl_->stepped; }

bool Algorithm::can_extract_features() const {
  const auto* table = &impl_->table();
  return SSP_HAS(ssp_algorithm, table, features);
}

bool Algorithm::can_reconstruct() const {
  const auto* table = &impl_->table();
  return SSP_HAS(ssp_algorithm, table, reconstruct);
}

std::vector<NamedTensor> Algorithm::features(const Step& step, const at::Tensor& images,
                                             std::span<const std::string> layers) {
  if (!can_extract_features())
    throw Error(Exit::usage, fmt::format("{} offers no features", impl_->self->component->name));
  c10::NoGradGuard no_grad;
  Step eval = step;
  eval.mode = Mode::eval;
  CallScope call(eval, images.size(0), {}, 1);
  std::vector<ssp_str> names;
  for (const std::string& layer : layers) names.push_back(borrow(layer));
  const handles::Lent lent(images);
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
  Step eval = step;
  eval.mode = Mode::eval;
  CallScope call(eval, batch_size(batch), batch.sample_index, static_cast<uint32_t>(batch.views.size()));
  BatchTable table(batch);
  TensorCollector collector(*impl_->self, "reconstruct", Emits::images, call.batch, batch.views.at(0).size(1));
  impl_->run("reconstruct",
             [&] { return impl_->table().reconstruct(impl_->self->self, call.root(), table.get(), collector.get()); });
  return impl_->take(collector);
}

void Algorithm::on_event(const Step& step, Event event) {
  const auto* table = &impl_->table();
  if (!SSP_HAS(ssp_algorithm, table, on_event)) return;
  modes::Guard modes;
  c10::GradMode::set_enabled(false);
  modes::push_autocast(false, 0);
  const uint64_t site = hash_key(hash_name("event"), static_cast<uint64_t>(event));
  CallScope call(step, 0, {}, 1, site);
  impl_->run("on_event", [&] { return table->on_event(impl_->self->self, call.root(), static_cast<uint32_t>(event)); });
}

std::vector<Algorithm::State> Algorithm::save_state() {
  std::vector<State> states;
  const auto* table = &impl_->table();
  if (!SSP_HAS(ssp_algorithm, table, save_state)) return states;
  for (uint32_t scope : {SSP_STATE_SHARED, SSP_STATE_RANK}) {
    ByteCollector collector;
    impl_->run("save_state", [&] { return table->save_state(impl_->self->self, scope, collector.get()); });
    if (collector.any()) states.push_back({impl_->self->path, scope == SSP_STATE_RANK, std::move(collector.bytes)});
  }
  return states;
}

void Algorithm::load_state(const std::vector<State>& states) {
  const auto* table = &impl_->table();
  for (const State& state : states) {
    if (state.component != impl_->self->path) {
      throw Error(Exit::checkpoint,
                  fmt::format("saved state of component '{}', which this model does not have", state.component));
    }
    if (!SSP_HAS(ssp_algorithm, table, load_state)) {
      throw Error(Exit::checkpoint,
                  fmt::format("{} saved a state but offers no load_state", impl_->self->component->name));
    }
    impl_->run("load_state", [&] {
      return table->load_state(impl_->self->self, state.per_rank ? SSP_STATE_RANK : SSP_STATE_SHARED,
                               state.bytes.data(), state.bytes.size());
    });
  }
}

std::vector<std::pair<std::string, int64_t>> Algorithm::held_handles() const {
  std::vector<std::pair<std::string, int64_t>> held;
  for (const auto& instance : impl_->session.instances) held.emplace_back(instance->label, instance->references);
  return held;
}

}  // namespace selfsup::bridge
