#include "config/files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/errors.h"
#include "config/layers.h"

using namespace selfsup;
using namespace selfsup::config;

namespace {

class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("selfsup-config-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path_ / "sub");
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string put(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    return (path_ / name).string();
  }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

std::string refusal(const std::string& path) {
  try {
    load_config(path);
  } catch (const Error& e) {
    CHECK(e.exit() == Exit::usage);
    return e.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Json json(const std::string& text) { return parse_json(text, "x.json", "file"); }

}  // namespace

TEST_CASE("_base_ files lie below, relative to the file that names them") {
  const Folder folder;
  folder.put("one.json", R"({"a": {"x": 1, "y": 2}, "list": [1, 2, 3], "c": {"k": 1}})");
  folder.put("sub/two.json", R"({"_base_": "../one.json", "a": {"y": 3}})");
  folder.put("three.json", R"({"b": 5, "a": {"z": 9}})");
  const std::string top = folder.put("top.json", R"({"_base_": ["sub/two.json", "three.json"],
    "list": [4], "c": {"_delete_": true, "m": 1}, "a": {"x": 7}})");
  const Json config = load_config(top);
  CHECK(config == json(R"({"a": {"x": 7, "y": 3, "z": 9}, "list": [4], "c": {"_delete_": true, "m": 1}, "b": 5})"));
  CHECK(merge(json(R"({"c": {"d": 1}})"), config).get("c") == json(R"({"m": 1})"));  // as defaults lie below it
  CHECK(config.at_path("a.x")->source.layer() == "file");
  CHECK(config.at_path("a.x")->source.line == 2);
  CHECK(config.at_path("a.y")->source.layer() == "base");
  CHECK(contains(config.at_path("a.y")->source.name(), "two.json"));
}

TEST_CASE("what a base drops stays dropped below the file") {
  const Folder folder;
  folder.put("base.json", R"({"a": {"b": {"_delete_": true, "x": 1}}})");
  const std::string top = folder.put("top.json", R"({"_base_": "base.json", "a": {"b": {"type": "T"}}})");
  const Json defaults = json(R"({"a": {"b": {"type": "U", "y": 2}, "c": 3}})");
  CHECK(merge(defaults, load_config(top)) == json(R"({"a": {"b": {"x": 1, "type": "T"}, "c": 3}})"));
}

TEST_CASE("circles, missing and endless bases are refused with their chain") {
  const Folder folder;
  const std::string a = folder.put("a.json", R"({"_base_": "b.json"})");
  folder.put("b.json", R"({"_base_": "sub/../a.json"})");
  CHECK(contains(refusal(a), "b.json:1:12: _base_: it goes in a circle"));
  CHECK(contains(refusal(a), "a.json"));
  CHECK(contains(refusal(a), "b.json"));
  const std::string self = folder.put("self.json", R"({"_base_": "self.json"})");
  CHECK(contains(refusal(self), "circle"));
  const std::string missing = folder.put("m.json", R"({"_base_": "nowhere.json"})");
  CHECK(contains(refusal(missing), "nowhere.json"));
  CHECK(contains(refusal(missing), "m.json:1:12: _base_: there is no configuration file "));
  CHECK(contains(refusal(folder.put("e.json", R"({"_base_": ["one.json", ""]})")),
                 "e.json:1:25: _base_: expected a path"));
  CHECK(contains(refusal(folder / "none.json"), "none.json"));
  CHECK(contains(refusal(folder / "sub"), "not a regular file"));
  CHECK(contains(refusal(folder.put("n.json", R"({"_base_": [1]})")), "n.json:1:13"));
  CHECK(contains(refusal(folder.put("l.json", "[]")), "expected an object"));
  for (int i = 0; i < 40; ++i)
    folder.put("d" + std::to_string(i) + ".json", R"({"_base_": "d)" + std::to_string(i + 1) + ".json\"}");
  folder.put("d40.json", "{}");
  CHECK(contains(refusal(folder / "d0.json"), "deep"));
}

TEST_CASE("what is no file is refused with what to do") {
  const Folder folder;
  const std::string fifo = folder / "pipe";
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(
      contains(refusal(fifo), "pipe is not a regular file, from which alone a configuration is read; write it to one"));
  CHECK_FALSE(contains(refusal(folder / "sub"), "write it to one"));
}

TEST_CASE("the path of a Python configuration leads to the JSON one") {
  const Folder folder;
  folder.put("here.json", "{}");
  CHECK(contains(refusal(folder / "here.py"), "the one of this name is " + (folder / "here.json")));
  CHECK(contains(refusal(folder / "gone.py"), "scripts/mmselfsup_config.py"));
  const std::string upper = folder.put("upper.json", R"({"_base_": "here.py"})");
  CHECK(contains(refusal(upper), "upper.json:1:12: _base_: "));
  CHECK(contains(refusal(upper), "here.json"));
  CHECK(contains(refusal(folder.put("real.py", "a = 1")), "scripts/mmselfsup_config.py"));
}

TEST_CASE("a YAML configuration leads to how one is made of it") {
  const Folder folder;
  for (const char* name : {"a.yaml", "a.yml"}) {
    const std::string path = folder.put(name, "model:\n  type: MAE\n");
    CHECK(refusal(path) == path + ": configurations are JSON files here; scripts/mmselfsup_config.py " + path + " " +
                               (folder / "a.json") + " makes one of it");
  }
  CHECK(contains(refusal(folder.put("t.json", R"({"_base_": "a.yml"})")), "t.json:1:12: _base_: "));
}

TEST_CASE("few files that name one another often are no endless reading") {
  const Folder folder;
  for (int i = 0; i < 15; ++i) {
    const std::string next = std::to_string(i + 1) + ".json";
    folder.put(std::to_string(i) + ".json", R"({"_base_": [")" + next + R"(", ")" + next + R"("]})");
  }
  folder.put("15.json", "{}");
  CHECK(contains(refusal(folder / "0.json"), "more than 64 files"));
  CHECK(refusal(folder / "11.json").empty());  // 31 of them
}

TEST_CASE("a base may be named twice without being a circle") {
  const Folder folder;
  folder.put("root.json", R"({"k": 1})");
  folder.put("l.json", R"({"_base_": "root.json", "l": 1})");
  folder.put("r.json", R"({"_base_": "root.json", "r": 1})");
  CHECK(load_config(folder.put("t.json", R"({"_base_": ["l.json", "r.json"]})")) ==
        json(R"({"k": 1, "l": 1, "r": 1})"));
}

TEST_CASE("a layer that changes a type drops what lower layers put beside it") {
  const Json lower = json(R"({"o": {"type": "AdamW", "betas": [0.9, 0.95], "inner": {"type": "X", "p": 1}}, "k": 1})");
  CHECK(merge(lower, json(R"({"o": {"type": "SGD", "momentum": 0.9}})")) ==
        json(R"({"o": {"type": "SGD", "momentum": 0.9}, "k": 1})"));
  CHECK(merge(lower, json(R"({"o": {"type": "AdamW", "lr": 1}})")).at_path("o.betas"));
  CHECK(merge(lower, json(R"({"o": {"lr": 1}})")).at_path("o.betas"));
  CHECK_FALSE(merge(lower, json(R"({"o": {"inner": {"type": "Y"}}})")).at_path("o.inner.p"));
  CHECK(merge(lower, json(R"({"o": {"inner": {"type": "Y"}}})")).at_path("o.betas"));
  // The two wrappers differ in precision only: --amp must not drop the optimizer.
  CHECK(merge(json(R"({"type": "OptimWrapper", "optimizer": {}})"), json(R"({"type": "AmpOptimWrapper"})"))
            .has("optimizer"));
}

TEST_CASE("_delete_ and replacing across kinds") {
  CHECK(merge(json(R"({"a": {"x": 1}})"), json(R"({"a": {"_delete_": true, "y": 1}})")) == json(R"({"a": {"y": 1}})"));
  CHECK(merge(json("{}"), json(R"({"a": {"_delete_": true, "y": {"_delete_": true}}})")) ==
        json(R"({"a": {"y": {}}})"));
  CHECK(merge(json(R"({"a": [1]})"), json(R"({"a": {"b": 1}})")) == json(R"({"a": {"b": 1}})"));
  CHECK(merge(json(R"({"a": {"b": 1}})"), json(R"({"a": null})")) == json(R"({"a": null})"));
  CHECK_THROWS_WITH(merge(json(R"({"a": {"b": {}}})"), json(R"({"a": {"b": {"_delete_": 1}}})")),
                    "x.json:1:26: a.b._delete_: expected true or false, found 1");
}
