#include "bridge/components/create.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/random.h"
#include "bridge/components/wrappers.h"
#include "bridge/cross.h"
#include "bridge/status.h"

namespace selfsup::bridge {
namespace {

struct Lifetime {
  ssp_status (*create)(ssp_build*, ssp_component*);
  void (*destroy)(ssp_component);
};

template <class Table>
Lifetime lifetime_of(const void* table) {
  const auto* t = static_cast<const Table*>(table);
  return {t->create, t->destroy};
}

Lifetime lifetime(const plugin::Component& c) {
  if (c.kind == SSP_KIND_ALGORITHM) return lifetime_of<ssp_algorithm>(c.table);
  if (c.kind == SSP_KIND_BACKBONE) return lifetime_of<ssp_backbone>(c.table);
  if (c.kind == SSP_KIND_BACKBONE_TOKENS) return lifetime_of<ssp_backbone_tokens>(c.table);
  return lifetime_of<ssp_transform>(c.table);
}

void refuse_cycle(const Session& session, const Instance& next) {
  std::string chain;
  for (const Instance* i : session.creating) {
    chain += i->label + " → ";
    // The same component on a deeper node ends some day; on the same node it never does.
    if (i->component == next.component && i->node == next.node) {
      fail(SSP_E_CONFIG, fmt::format("components ask for each other in a circle: {}{}", chain, next.label));
    }
  }
  if (session.creating.size() >= 32) fail(SSP_E_CONFIG, fmt::format("components nest 32 deep: {}…", chain));
}

std::unique_ptr<Instance> make_instance(const plugin::Component& component, const ssp_build& at) {
  auto fresh = std::make_unique<Instance>(instance_of(component, at.prefix.empty() ? at.config_path : at.prefix));
  fresh->path = at.prefix;
  fresh->key = hash_key(hash_name(at.prefix), hash_name(component.name));
  fresh->node = at.node.get();
  return fresh;
}

// Forgets what was declared since the store and the list of trained tensors had these sizes.
void undeclare(model::ParameterStore& store, size_t entries, size_t trained) {
  for (size_t i = entries; i < store.entries().size(); ++i)
    active().declared.erase(store.entries()[i].tensor.unsafeGetTensorImpl());
  store.truncate(entries);
  active().trained.resize(trained);
}

}  // namespace

void destroy_component(Instance& instance) {
  if (instance.self) {
    try {
      cross(instance, "destroy", Phase::destroy, [&] {
        const uint64_t serial = error_serial();
        lifetime(*instance.component).destroy(instance.self);
        return error_serial() == serial ? SSP_OK : SSP_E_PLUGIN;  // it has no status to return
      });
    } catch (const Failure& e) {
      log_warning(e.text);
    }
  }
  forget_instance(instance);
}

Instance& create_component(Session& session, const plugin::Component& component, ssp_build& at) {
  const Lifetime functions = lifetime(component);
  auto fresh = make_instance(component, at);
  refuse_cycle(session, *fresh);

  const size_t children = session.instances.size();
  const size_t scopes = at.children.size();
  const size_t declared = session.store.entries().size(), trained = active().trained.size();
  session.creating.push_back(fresh.get());
  register_instance(*fresh);
  const auto undo = [&] {
    session.creating.pop_back();
    while (at.children.size() > scopes) at.children.pop_back();
    fresh->node = nullptr;
  };
  try {
    cross(*fresh, "create", Phase::create, [&] { return functions.create(&at, &fresh->self); });
  } catch (...) {
    undo();
    forget_instance(*fresh);
    destroy_components(session, children);
    undeclare(session.store, declared, trained);
    throw;
  }
  undo();
  session.instances.push_back(std::move(fresh));
  return *session.instances.back();
}

void destroy_components(Session& session, size_t keep) {
  while (session.instances.size() > keep) {
    destroy_component(*session.instances.back());
    session.instances.pop_back();
  }
}

std::unique_ptr<Instance> create_alone(const plugin::Component& component, ssp_build& at) {
  const Lifetime functions = lifetime(component);
  auto fresh = make_instance(component, at);
  cross(*fresh, "create", Phase::configure, [&] { return functions.create(&at, &fresh->self); });
  return fresh;
}

const void* wrapper_of(std::string_view kind) {
  if (kind == SSP_KIND_BACKBONE) return &backbone_wrapper;
  if (kind == SSP_KIND_BACKBONE_TOKENS) return &tokens_wrapper;
  return nullptr;
}

}  // namespace selfsup::bridge
