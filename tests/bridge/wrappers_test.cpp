// The tables that requesters of backbones get: layers, names, masks, checked before and after the plugin is called.
#include "bridge/support/world.h"

namespace selfsup::bridge::testing {
namespace {

using Catch::Contains;

struct Received {
  std::vector<std::string> names;
  const ssp_sink sink{sizeof sink, 0, this, take, nullptr, nullptr};
  static ssp_status take(const ssp_sink* self, ssp_str name, ssp_tensor, uint32_t) {
    static_cast<Received*>(self->receiver)->names.emplace_back(name.data, name.size);
    return SSP_OK;
  }
};

struct Told {
  std::vector<std::string> names;
  std::vector<uint32_t> flags;
  const ssp_layer_sink sink{sizeof sink, 0, this, take};
  static ssp_status take(const ssp_layer_sink* self, const ssp_layer_info* info) {
    auto& told = *static_cast<Told*>(self->receiver);
    told.names.emplace_back(info->name.data, info->name.size);
    told.flags.push_back(info->flags);
    return SSP_OK;
  }
};

// A component asked for in a create, and then a call in progress.
template <class Table>
struct Requested : World {
  std::optional<BuildWindow> build;
  std::optional<Window> window;
  const Table* given = nullptr;  // the table
  ssp_component component = nullptr;
  ssp_tensor images = give(host, at::zeros({2, 1, 4, 4}));

  void make(const char* kind, const std::string& type, const std::string& fault) {
    build.emplace(host, registry, R"({"type": ")" + type + R"(", "fault": ")" + fault + "\"}");
    const void* out;
    REQUIRE(extension<ssp_registry>(host, SSP_EXT_REGISTRY).create(build->get(), kind, &out, &component) == SSP_OK);
    given = static_cast<const Table*>(out);
    window.emplace(host);
  }
};

struct Maps : Requested<ssp_backbone> {
  void open(const std::string& fault = "") { make(SSP_KIND_BACKBONE, "ProbeBackbone", fault); }
  ssp_status forward(const std::vector<const char*>& asked, Received& got, ssp_tensor mask = {0}) {
    std::vector<ssp_str> names;
    for (const char* name : asked) names.push_back(text(name));
    const ssp_forward request{sizeof request, 0, images, mask, names.data(), static_cast<uint32_t>(names.size()), 0,
                              &got.sink};
    return given->forward(component, window->call(), &request);
  }
};

}  // namespace

TEST_CASE_METHOD(Maps, "a backbone tells its layers, one of them the main one") {
  open();
  Told told;
  REQUIRE(given->layers(component, 4, 4, &told.sink) == SSP_OK);
  CHECK(told.names == std::vector<std::string>{"map", "mean"});
  CHECK(told.flags == std::vector<uint32_t>{SSP_LAYER_MAIN, 0});
  CHECK(given->layers(component, 4, 4, nullptr) == SSP_E_ARGUMENT);
}

TEST_CASE_METHOD(Maps, "forward gives the layers asked for, or the main one") {
  open();
  Received main, named;
  REQUIRE(forward({}, main) == SSP_OK);
  CHECK(main.names == std::vector<std::string>{"map"});
  REQUIRE(forward({"mean", "map"}, named) == SSP_OK);
  CHECK(named.names == std::vector<std::string>{"mean", "map"});
}

TEST_CASE_METHOD(Maps, "what is asked of a backbone is checked before it is called") {
  open("all");  // it would complain of itself
  Received got;
  CHECK(forward({"meen"}, got) == SSP_E_CONFIG);
  CHECK_THAT(error_text(), Contains("(ProbeBackbone of bridge_probe).forward: there is no layer 'meen'; did you mean "
                                    "'mean'?; for 4x4 pixels it has map, mean"));
  CHECK(forward({"map", "map"}, got) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("'map' is asked for twice"));
  const ssp_tensor wide = give(host, at::zeros({2, 4})), mask = give(host, at::zeros({2, 2, 2}, at::kBool));
  CHECK(forward({"map"}, got, wide) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("the mask must be bool or f32 [B, grid_h, grid_w] of the images' B, the "
                                    "caller gave f32 [2, 4]"));
  const ssp_forward flagged{sizeof flagged, 1, images, {0}, nullptr, 0, 0, &got.sink};
  CHECK(given->forward(component, window->call(), &flagged) == SSP_E_ARGUMENT);
  const ssp_forward deaf{sizeof deaf, 0, images, {0}, nullptr, 0, 0, nullptr};
  CHECK(given->forward(component, window->call(), &deaf) == SSP_E_ARGUMENT);
  const ssp_forward small{16, 0, images, {0}, nullptr, 0, 0, &got.sink};
  CHECK(given->forward(component, window->call(), &small) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("ssp_forward.struct_size is 16"));
  CHECK(forward({"mean"}, got, mask) == SSP_E_PLUGIN);  // "all" gives it twice
  CHECK(got.names == std::vector<std::string>{"mean"});
}

TEST_CASE_METHOD(Maps, "what a backbone tells and gives is checked") {
  const auto [fault, said] = GENERATE(table<std::string, std::string>({
      {"no_main", "layers: 4x4 pixels: no layer is flagged SSP_LAYER_MAIN"},
      {"two_mains", "layers: layers 'map' and 'mean' are both flagged MAIN"},
      {"told_twice", "layers: layer 'map' is told twice"},
      {"no_shape", "layers: layer 'x' has the unknown shape 0"},
      {"bad_name", "layers: the name of a layer 'a b': it has a space"},
      {"all", "forward: layer 'mean' was emitted, asked for: map; emit what is asked for and nothing else"},
      {"nothing", "forward: layer 'map' was asked for and not emitted"},
  }));
  open(fault);
  Received got;
  CHECK(forward({"map"}, got) == SSP_E_PLUGIN);
  CHECK_THAT(error_text(), Contains("model (ProbeBackbone of bridge_probe)." + said));
}

TEST_CASE_METHOD(Requested<ssp_backbone_tokens>, "info reaches as far as the caller's struct") {
  make(SSP_KIND_BACKBONE_TOKENS, "ProbeTokens", "");
  auto whole = sized<ssp_token_info>();
  REQUIRE(given->info(component, 4, 4, &whole) == SSP_OK);
  CHECK(whole.struct_size == sizeof whole);
  REQUIRE(whole.n_layers == 2);
  CHECK(std::string(whole.layers[1].data, whole.layers[1].size) == "layer1");
  ssp_token_info old{};
  old.struct_size = offsetof(ssp_token_info, out_dim);
  REQUIRE(given->info(component, 4, 4, &old) == SSP_OK);
  CHECK(old.struct_size == offsetof(ssp_token_info, out_dim));
  CHECK(old.dim == 8);
  CHECK(old.out_dim == 0);
  CHECK(old.n_layers == 0);
  struct {
    ssp_token_info info;
    int64_t later;
  } newer{};
  newer.info.struct_size = sizeof newer;
  REQUIRE(given->info(component, 4, 4, &newer.info) == SSP_OK);
  CHECK(newer.info.struct_size == sizeof(ssp_token_info));
  CHECK(newer.later == 0);
}

TEST_CASE_METHOD(Requested<ssp_backbone_tokens>, "encode gives the layers asked for beside its result") {
  make(SSP_KIND_BACKBONE_TOKENS, "ProbeTokens", "");
  const ssp_tensor tokens = give(host, at::zeros({2, 1, 8}));
  Received got;
  ssp_tensor out{};
  const ssp_str both[] = {text("layer1"), text("layer0")}, unknown[] = {text("layer2")};
  ssp_encode request{sizeof request, 0, 4, 4, tokens, {0}, {0}, both, 2, 0, &got.sink};
  REQUIRE(given->encode(component, window->call(), &request, &out) == SSP_OK);
  release(out);
  CHECK(got.names == std::vector<std::string>{"layer1", "layer0"});
  request.names = unknown;
  request.n_names = 1;
  CHECK(given->encode(component, window->call(), &request, &out) == SSP_E_CONFIG);
  CHECK_THAT(error_text(), Contains("(ProbeTokens of bridge_probe).encode: there is no layer 'layer2'"));
  request.n_names = 0;
  REQUIRE(given->encode(component, window->call(), &request, &out) == SSP_OK);
  release(out);
  CHECK(got.names.size() == 2);
  release(tokens);
}

TEST_CASE_METHOD(Requested<ssp_backbone_tokens>, "names are forwarded to the requester") {
  make(SSP_KIND_BACKBONE_TOKENS, "ProbeTokens", "");
  std::vector<std::string> got;
  const ssp_sink sink{sizeof sink, 0, &got, nullptr, nullptr, [](const ssp_sink* self, ssp_str own, ssp_str name) {
                        auto& all = *static_cast<std::vector<std::string>*>(self->receiver);
                        all.emplace_back(own.data, own.size);
                        all.emplace_back(name.data, name.size);
                        return ssp_status{SSP_OK};
                      }};
  REQUIRE(given->names(component, text("timm"), &sink) == SSP_OK);
  CHECK(got == std::vector<std::string>{"weight", "patch_embed.weight"});
  REQUIRE(given->names(component, text("other"), &sink) == SSP_OK);
  CHECK(got.size() == 2);
  CHECK(given->names(component, text("timm"), nullptr) == SSP_E_ARGUMENT);
}

}  // namespace selfsup::bridge::testing
