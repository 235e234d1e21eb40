#include "data/support/pipeline.h"

#include "config/schema.h"

namespace selfsup::data::test {

Json resolved(const std::string& pipeline) {
  static const Json any = config::parse_schema(R"({"type": "object"})", "test");
  static const Json list =
      config::parse_schema(R"({"type": "array", "items": {"type": "object", "x-ssp-component": "transform"}})", "test");
  const config::ComponentSchemas schemas{[](std::string_view, std::string_view type) {
                                           const TransformType* own = transform_types().find(type);
                                           return own ? &own->schema : &any;
                                         },
                                         [](std::string_view) { return std::vector<std::string>{}; }};
  Json value = parse_json(pipeline, "test.json", "test");
  config::throw_if_any(config::validate(value, list, "pipeline", schemas));
  return value;
}

Sample run(const Pipeline& pipeline, const Image& image, int64_t index, uint64_t epoch) {
  Sample sample;
  sample.start(index, -1, epoch) = image;
  SampleRandom random(42, epoch, index);
  pipeline.apply(sample, random);
  return sample;
}

}  // namespace selfsup::data::test
