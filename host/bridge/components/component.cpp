// Schemas of components and run-level defaults of algorithms: what is asked before anything is created.
#include <fmt/format.h>

#include "base/errors.h"
#include "bridge/components/algorithm.h"
#include "bridge/components/build.h"
#include "bridge/components/collector.h"
#include "bridge/components/result_checks.h"
#include "bridge/cross.h"
#include "bridge/status.h"
#include "config/schema.h"

namespace selfsup::bridge {
namespace {

Json read_schema(const plugin::Component& component) {
  Instance who = instance_of(component, component.kind);
  ssp_str text{};
  cross(who, "schema", Phase::describe, [&] {
    text = static_cast<const ssp_table_head*>(component.table)->schema();
    return text.size ? SSP_OK : SSP_E_PLUGIN;  // it has no status to return
  });
  if (!text.data) bad_result(who, "schema", "the text has a length but no address");
  return config::parse_schema(view(text), fmt::format("{} ({})", component.name, who.plugin));
}

// Whatever goes wrong here is the plugin's doing.
template <class Body>
Json ask(Body&& body) {
  try {
    return body();
  } catch (const Failure& e) {
    throw Error(Exit::plugin, e.text);
  } catch (const Error& e) {
    throw Error(Exit::plugin, e.what());
  }
}

}  // namespace

const Json& component_schema(const plugin::Component& component) {
  if (!component.schema) component.schema = ask([&] { return read_schema(component); });
  return *component.schema;
}

Json algorithm_defaults(const plugin::Component& algorithm, const Facts& facts) {
  return ask([&]() -> Json {
    if (algorithm.kind != SSP_KIND_ALGORITHM) fail(SSP_E_ARGUMENT, fmt::format("{} is no algorithm", algorithm.name));
    const auto* table = static_cast<const ssp_algorithm*>(algorithm.table);
    if (!SSP_HAS(ssp_algorithm, table, defaults)) return Json::object();
    Facts told = facts;  // default schedules are in epochs: they must not depend on how much data there is
    told.dataset_length.reset();
    told.epoch_iters.reset();
    Instance who = instance_of(algorithm, algorithm.kind);
    Build build(*who.host);
    build.facts = &told;
    ByteCollector bytes(*who.host);
    cross(who, "defaults", Phase::describe, [&] { return table->defaults(build.token, bytes.get()); });
    if (!bytes.any()) return Json::object();
    const std::string_view text(reinterpret_cast<const char*>(bytes.bytes.data()), bytes.bytes.size());
    Json defaults = parse_json(text, fmt::format("defaults of {}", algorithm.name), who.plugin);
    if (!defaults.is_object())
      fail(SSP_E_PLUGIN, fmt::format("defaults of {}: expected a JSON object", algorithm.name));
    return defaults;
  });
}

}  // namespace selfsup::bridge
