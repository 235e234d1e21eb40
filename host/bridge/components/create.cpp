#include "bridge/components/create.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/random.h"
#include "bridge/components/algorithm.h"
#include "bridge/components/wrappers.h"
#include "bridge/cross.h"
#include "bridge/status.h"

namespace selfsup::bridge {
namespace {

struct Lifetime {
  ssp_status (*create)(ssp_build*, ssp_component*);
  void (*destroy)(ssp_component);
};

// Every kind's table begins as ssp_table_head, but that of algorithms: they have defaults before create.
Lifetime lifetime(const plugin::Component& c) {
  if (c.kind == SSP_KIND_ALGORITHM) {
    const auto* table = static_cast<const ssp_algorithm*>(c.table);
    return {table->create, table->destroy};
  }
  const auto* head = static_cast<const ssp_table_head*>(c.table);
  return {head->create, head->destroy};
}

// What a table promises and cannot be. Error of the plugin, before any of its code runs.
void check_promises(const plugin::Component& component) {
  if (component.kind != SSP_KIND_ALGORITHM) return;
  const auto* table = static_cast<const ssp_algorithm*>(component.table);
  const auto refuse = [&](const char* text) {
    fail(SSP_E_PLUGIN, fmt::format("{} of {}: {}", component.name, component.plugin->file.note.id, text));
  };
  constexpr uint32_t kBoth = SSP_CAP_CAPTURABLE | SSP_CAP_GRADIENTS;
  if ((table->caps & kBoth) == kBoth) {
    refuse(
        "its caps hold SSP_CAP_CAPTURABLE and SSP_CAP_GRADIENTS, but no code of a plugin runs in a captured step; "
        "take one of them away");
  }
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

std::unique_ptr<Instance> make_instance(const plugin::Component& component, const Build& at) {
  auto fresh = std::make_unique<Instance>(instance_of(component, at.prefix.empty() ? at.config_path : at.prefix));
  fresh->path = at.prefix;
  fresh->key = hash_key(hash_name(at.prefix), hash_name(component.name));
  fresh->node = at.node.get();
  return fresh;
}

// Forgets what was declared since the store had so many entries.
void undeclare(Session& session, size_t entries) {
  model::ParameterStore& store = session.store;
  for (size_t i = entries; i < store.entries().size(); ++i) session.host.declared.forget(store.entries()[i]);
  store.truncate(entries);
}

// While the component's create runs: its node is checked by its own schema, and it is in the chain of those being made.
class Creating {
 public:
  Creating(Session& session, Instance& fresh, const Json& schema, Build& at)
      : session_(session), fresh_(fresh), at_(at), outer_keys_(std::move(at.keys)), scopes_(at.children.size()) {
    session.creating.push_back(&fresh);
    at.keys = KeysAt{{&schema}};
  }
  ~Creating() {
    session_.creating.pop_back();
    while (at_.children.size() > scopes_) at_.children.pop_back();
    at_.keys = std::move(outer_keys_);
    fresh_.node = nullptr;
  }
  Creating(const Creating&) = delete;
  Creating& operator=(const Creating&) = delete;

 private:
  Session& session_;
  Instance& fresh_;
  Build& at_;
  KeysAt outer_keys_;
  size_t scopes_;
};

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
  instance.host->instances.remove(instance);
}

Instance& create_component(Session& session, const plugin::Component& component, Build& at) {
  check_promises(component);
  const Json& schema = component_schema(component);
  auto fresh = make_instance(component, at);
  refuse_cycle(session, *fresh);

  const size_t children = session.instances.size(), declared = session.store.entries().size();
  try {
    const Creating creating(session, *fresh, schema, at);
    cross(*fresh, "create", Phase::create, [&] { return lifetime(component).create(at.token, &fresh->self); });
  } catch (...) {
    destroy_components(session, children);
    undeclare(session, declared);
    throw;
  }
  fresh->token = session.host.instances.add(*fresh);
  session.instances.push_back(std::move(fresh));
  return *session.instances.back();
}

void destroy_components(Session& session, size_t keep) {
  while (session.instances.size() > keep) {
    destroy_component(*session.instances.back());
    session.instances.pop_back();
  }
}

std::unique_ptr<Instance> create_alone(const plugin::Component& component, Build& at) {
  auto fresh = make_instance(component, at);
  at.keys = KeysAt{{&component_schema(component)}};
  cross(*fresh, "create", Phase::configure, [&] { return lifetime(component).create(at.token, &fresh->self); });
  return fresh;
}

const void* wrapper_of(std::string_view kind) {
  if (kind == SSP_KIND_BACKBONE) return &backbone_wrapper;
  if (kind == SSP_KIND_BACKBONE_TOKENS) return &tokens_wrapper;
  return nullptr;
}

}  // namespace selfsup::bridge
