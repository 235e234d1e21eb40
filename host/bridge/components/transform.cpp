#include "bridge/components/transform.h"

#include <fmt/format.h>

#include <vector>

#include "base/errors.h"
#include "bridge/components/create.h"
#include "bridge/host_state.h"
#include "bridge/status.h"
#include "bridge/tables/sample.h"
#include "plugin/crossing.h"

namespace selfsup::bridge {
namespace {

class PluginTransform : public data::Transform {
 public:
  PluginTransform(const plugin::Component& component, const Json& spec, const Facts& facts)
      : facts_(facts), node_(std::make_shared<const Json>(spec)) {
    Build build(host_of(component.plugin->host));
    build.facts = &facts_;
    build.config_path = "transform";
    build.node = node_;
    instance_ = create_alone(component, build);
    edits_ = build.edits;
  }

  ~PluginTransform() override { destroy_component(*instance_); }

  // Only the plugin knows what sizes its transform leaves.
  std::vector<data::Extent> extents(std::vector<data::Extent> views) const override {
    return std::vector<data::Extent>(views.size());
  }

  void apply(data::Sample& sample, data::SampleRandom& random) const override {
    SampleScope scope(sample, random, edits_);
    const plugin::Crossing note(instance_->plugin, "apply");
    const uint64_t serial = error_serial();
    std::string text;
    ssp_status status = SSP_E_PLUGIN;
    try {
      status = instance_->table<ssp_transform>().apply(instance_->self, &sample_api, scope.get());
      if (status == SSP_OK) return;
      text = text_left_since(serial, status);
    } catch (...) {
      text = text_of_crossed_exception();
    }
    text = fmt::format("{}.apply: {}", instance_->label, text);
    if (status == SSP_E_SAMPLE) throw data::BadImage(text);
    throw Error(Exit::plugin, text);
  }

 private:
  Facts facts_;
  std::shared_ptr<const Json> node_;
  std::unique_ptr<Instance> instance_;
  EditKinds edits_;
};

}  // namespace

data::TransformFactory transform_factory(const plugin::Registry& registry, const Facts& facts) {
  return [&registry, facts](const Json& spec) -> std::unique_ptr<data::Transform> {
    const plugin::Component* component = registry.find_if_any(SSP_KIND_TRANSFORM, spec.get("type").as_string());
    if (!component) return nullptr;
    try {
      return std::make_unique<PluginTransform>(*component, spec, facts);
    } catch (const Failure& e) {
      throw to_error(e);
    }
  };
}

}  // namespace selfsup::bridge
