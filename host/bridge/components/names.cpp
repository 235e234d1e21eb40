#include "bridge/components/names.h"

#include "bridge/components/collector.h"
#include "bridge/cross.h"
#include "bridge/status.h"

namespace selfsup::bridge {
namespace {

using Names = ssp_status (*)(ssp_component, ssp_str, const ssp_sink*);

template <class Table>
Names offered(const Instance& who) {
  const auto* table = &who.table<Table>();
  return SSP_HAS(Table, table, names) ? table->names : nullptr;
}

Names names_function(const Instance& who) {
  if (who.component->kind == SSP_KIND_ALGORITHM) return offered<ssp_algorithm>(who);
  if (who.component->kind == SSP_KIND_BACKBONE) return offered<ssp_backbone>(who);
  if (who.component->kind == SSP_KIND_BACKBONE_TOKENS) return offered<ssp_backbone_tokens>(who);
  return nullptr;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> names_of(Instance& who, ssp_str format) {
  const Names names = names_function(who);
  if (!names) return {};
  PairCollector collector(*who.host);
  cross(who, "names", Phase::describe, [&] { return names(who.self, format, collector.get()); });
  return std::move(collector.pairs);
}

void relay_names(Instance& who, ssp_str format, const ssp_sink* pairs) {
  require(SSP_HAS(ssp_sink, pairs, pair), SSP_E_ARGUMENT, "names: the sink is null or takes no pairs");
  view(format);
  for (const auto& [own, name] : names_of(who, format)) {
    cross_back(*who.host, who.host->current,
               [&, &own = own, &name = name] { return pairs->pair(pairs, borrow(own), borrow(name)); });
  }
}

}  // namespace selfsup::bridge
