// Names of plugins to files, needs to providers, and the commands that tell what is there. No plugin code may run.
#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <sstream>

#include "base/file.h"
#include "base/json.h"
#include "base/nearest.h"
#include "cli/plugin_listing.h"
#include "plugin/plan.h"
#include "plugin/search.h"
#include "plugin/support/plugins.h"

using namespace selfsup;
using namespace selfsup::plugin;
using namespace selfsup::plugin::test;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

constexpr const char* kAlgorithm = R"([["ssp.algorithm/0","Fixture"]])";

// A valid plugin file that provides and needs what is said.
void write_plugin(const std::string& path, const std::string& id, const std::string& provides,
                  const std::string& needs = "[]") {
  static const std::string good = read_bytes(fixture("good"));
  test::write_plugin(path, with_note(good, note_text(id, provides, needs)));
}

std::string tokens(const std::string& name) { return R"([["ssp.backbone.tokens/0",")" + name + R"("]])"; }

class CurrentFolder {
 public:
  explicit CurrentFolder(const std::string& path) : before_(fs::current_path()) { fs::current_path(path); }
  ~CurrentFolder() { fs::current_path(before_); }

 private:
  fs::path before_;
};

std::vector<std::string> names_of(const std::vector<NoteFile>& files) {
  std::vector<std::string> names;
  for (const NoteFile& file : files) names.push_back(fs::path(file.path).filename().string());
  return names;
}

using Names = std::vector<std::string>;

std::vector<NoteFile> plan(const Names& paths, const Places& places, const std::vector<const NoteFile*>& loaded) {
  std::vector<Candidate> asked;
  for (const std::string& path : paths) asked.push_back(examine(path, places.unstamped));
  return plan_plugins(asked, places, loaded);
}

}  // namespace

TEST_CASE("nearest names") {
  CHECK(edit_distance("mae", "mae") == 0);
  CHECK(edit_distance("mea", "mae") == 2);  // neighbours swapped
  CHECK(edit_distance("MAE", "mae") == 3);  // case counts half
  CHECK(edit_distance("", "abc") == 6);
  CHECK(edit_distance("simclr", "simcl") == 2);
  CHECK(nearest_name("max_epoch", {"max_iters", "max_epochs", "by_epoch"}) == "max_epochs");
  CHECK(nearest_name("zzzzzz", {"max_iters", "max_epochs"}) == "");
  for (const char* word : {"gpu", "GPU"}) CHECK(nearest_name(word, {"auto", "cpu", "cuda"}) == "cuda");
  CHECK(nearest_name("gpu", {"auto", "cpu"}) == "cpu");
}

TEST_CASE("plugin folders: flags, then the variable, then the built-in one") {
  const TempFolder folder;
  for (const char* name : {"flag", "variable", "built", "here"}) fs::create_directory(folder / name);
  const CurrentFolder inside(folder / "here");
  ::setenv("SELFSUP_PLUGIN_PATH", (":" + folder / "variable" + "::" + folder / "absent" + ":").c_str(), 1);
  CHECK(plugin_folders({folder / "flag", folder / "flag/"}, folder / "built") ==
        Names{folder / "flag", folder / "variable", folder / "built"});  // an empty entry is not the current directory
  ::unsetenv("SELFSUP_PLUGIN_PATH");
  CHECK(plugin_folders({}, folder / "absent").empty());
  CHECK_THAT(error_of([&] { plugin_folders({folder / "absent"}, ""); }, Exit::usage),
             Contains("--plugin-dir " + folder / "absent") && Contains("nothing there"));
  write_bytes(folder / "file", "");
  CHECK_THAT(error_of([&] { plugin_folders({folder / "file"}, ""); }, Exit::usage), Contains("give it to --plugin"));
}

TEST_CASE("names and paths of --plugin") {
  const TempFolder folder;
  for (const char* name : {"one", "two", "here"}) fs::create_directory(folder / name);
  write_bytes(folder / "one/mae.so", "1");
  write_bytes(folder / "two/mae.so", "2");
  write_bytes(folder / "two/simclr.so", "2");
  write_bytes(folder / "here/mine.so", "3");
  const Names folders{folder / "one", folder / "two"};
  const CurrentFolder inside(folder / "here");

  CHECK(find_plugin("mae.so", folders, "") == folder / "one/mae.so");
  CHECK(find_plugin("mae", folders, "") == folder / "one/mae.so");
  CHECK(find_plugin("simclr", folders, "") == folder / "two/simclr.so");
  CHECK(find_plugin("./mine.so", folders, "") == folder / "here/mine.so");
  CHECK(find_plugin("../two/mae.so", folders, "") == folder / "two/mae.so");

  const auto usage = [&](const std::string& argument) {
    return error_of([&] { find_plugin(argument, folders, "c.json:1:2: plugins.0"); }, Exit::usage);
  };
  CHECK_THAT(usage("mine.so"), Contains("c.json:1:2: plugins.0: no mine.so in the plugin folders (" + folder / "one" +
                                        ", " + folder / "two") &&
                                   Contains("current directory") && Contains("--plugin ./mine.so"));
  CHECK_THAT(usage("mine"), Contains("--plugin ./mine.so"));
  CHECK_THAT(usage("simclt"), Contains("did you mean simclr.so?"));
  CHECK_THAT(usage("something_else"), Contains("--plugin-dir or SELFSUP_PLUGIN_PATH"));
  CHECK_THAT(usage("../two/simcrl.so"),
             Contains("there is no file ../two/simcrl.so") && Contains("did you mean " + folder / "two/simclr.so?"));
  CHECK_THAT(usage(""), Contains("empty text"));
  fs::create_symlink("loop.so", folder / "here/loop.so");
  CHECK_THAT(usage("./loop.so"), Contains("./loop.so is a link that leads to no file"));
  fs::create_symlink("nowhere", folder / "two/link.so");
  CHECK_THAT(usage("link"), !Contains("did you mean"));
}

TEST_CASE("needs are resolved from notes, providers first") {
  const Marker marker;
  const TempFolder folder;
  for (const char* name : {"one", "two"}) fs::create_directory(folder / name);
  const Places places{{folder / "one", folder / "two"}};
  write_plugin(folder / "algo.so", "test.algo", kAlgorithm, tokens("Wanted"));
  write_plugin(folder / "one/wanted.so", "test.wanted", tokens("Wanted"), R"([["ssp.backbone/0","Deep"]])");
  write_plugin(folder / "two/deep.so", "test.deep", R"([["ssp.backbone/0","Deep"]])");
  write_plugin(folder / "two/unasked.so", "test.unasked", R"([["ssp.backbone/0","Other"]])");
  write_bytes(folder / "two/library.so", "not a plugin");

  CHECK(names_of(plan({folder / "algo.so"}, places, {})) == Names{"deep.so", "wanted.so", "algo.so"});
  // The same plugin in a later folder, an older one say, stands back.
  write_plugin(folder / "two/wanted-1.0.so", "test.wanted", tokens("Wanted"));
  CHECK(names_of(plan({folder / "algo.so"}, places, {})) == Names{"deep.so", "wanted.so", "algo.so"});

  // Two plugins that provide it are a question that the user answers, whatever folders they are in.
  write_plugin(folder / "two/wanted_too.so", "test.wanted_too", tokens("Wanted"));
  CHECK_THAT(error_of([&] { plan({folder / "algo.so"}, places, {}); }),
             Contains("needs ssp.backbone.tokens/0 Wanted, which both") && Contains("one/wanted.so") &&
                 Contains("two/wanted_too.so") && Contains("--plugin"));
  // What is named, or loaded already, is not looked for.
  CHECK(names_of(plan({folder / "algo.so", folder / "two/wanted_too.so"}, places, {})) ==
        Names{"wanted_too.so", "algo.so"});
  const NoteFile loaded = read_note(folder / "two/wanted_too.so");
  CHECK(names_of(plan({folder / "algo.so"}, places, {&loaded})) == Names{"algo.so"});
  CHECK(names_of(plan({}, places, {&loaded})).empty());

  // Any name: the configuration will say which.
  write_plugin(folder / "any.so", "test.any", kAlgorithm, tokens("*"));
  CHECK(names_of(plan({folder / "any.so"}, places, {})) == Names{"any.so"});

  // Plugins that need each other are each there once, and so is a file by several names.
  write_plugin(folder / "egg.so", "test.egg", tokens("Egg"), tokens("Hen"));
  write_plugin(folder / "two/hen.so", "test.hen", tokens("Hen"), tokens("Egg"));
  fs::create_symlink("../egg.so", folder / "one/link.so");
  fs::create_hard_link(folder / "egg.so", folder / "one/same.so");
  CHECK(names_of(plan({folder / "egg.so", folder / "one/link.so", folder / "one/same.so"}, places, {})) ==
        Names{"hen.so", "egg.so"});
  fs::copy(folder / "egg.so", folder / "copy.so");
  CHECK_THAT(error_of([&] {
               plan({folder / "egg.so", folder / "copy.so"}, places, {});
             }),
             Contains("two plugin files have one id, test.egg: " + folder / "egg.so") && Contains(folder / "copy.so"));

  // A provider that cannot be used here is named, with why.
  for (const char* name : {"one/wanted.so", "two/wanted-1.0.so", "two/wanted_too.so"}) fs::remove(folder / name);
  const std::string provides = R"([["ssp.algorithm/0","Fixture"],["ssp.transform/0","FixtureTransform"]])";
  test::write_plugin(
      folder / "one/native.so",
      replace_in_note(replace_in_note(read_bytes(fixture("good")), provides, tokens("Wanted")), "portable", "native"));
  CHECK_THAT(error_of([&] { plan({folder / "algo.so"}, places, {}); }),
             Contains("no plugin here provides") && Contains("native.so") && Contains("tier is \"native\""));

  // One that is damaged is not taken for what its note says.
  std::string hurt = read_bytes(folder / "two/deep.so");
  hurt[hurt.find("{\"type\": \"object\"}") + 2] ^= 1;
  write_bytes(folder / "two/deep.so", hurt);
  write_plugin(folder / "one/wanted.so", "test.wanted", tokens("Wanted"), R"([["ssp.backbone/0","Deep"]])");
  fs::remove(folder / "one/native.so");
  CHECK_THAT(error_of([&] { plan({folder / "algo.so"}, places, {}); }), Contains("deep.so): damaged: its digest"));
  CHECK(marker.text() == "");
}

TEST_CASE("list and inspect tell what notes say, and run nothing") {
  const Marker marker;
  const TempFolder folder;
  write_plugin(folder / "algo.so", "test.algo", kAlgorithm, tokens("Wanted"));
  write_plugin(folder / "lonely.so", "test.lonely", R"([["ssp.algorithm/0","Lonely"]])",
               R"([["ssp.backbone/0","Gone"]])");
  write_plugin(folder / "wanted.so", "test.wanted", tokens("Wanted"));
  write_bytes(folder / "broken.so", "");
  write_bytes(folder / "readme.txt", "");

  std::ostringstream list;
  cli::list_plugins(list, {{folder.path()}}, false);
  CHECK_THAT(list.str(), Contains(folder.path()) && Contains("test.algo 1.2.3") &&
                             Contains("needs              backbone.tokens Wanted (wanted.so)") &&
                             Contains("needs              backbone Gone (not here)") &&
                             Contains("cannot be used here: test.lonely") &&
                             Contains("broken.so            no plugin: ") && !Contains("readme"));

  std::ostringstream list_json;
  cli::list_plugins(list_json, {{folder.path()}}, true);
  const Json listed = parse_json(list_json.str(), "list", "");
  REQUIRE(listed.get("plugins").as_array().size() == 3);
  CHECK(listed.get("unreadable").as_array().size() == 1);
  const Json& algo = listed.get("plugins").as_array()[0];
  CHECK(algo.get("id").as_string() == "test.algo");
  CHECK(algo.get("loads_here").as_bool());
  CHECK(algo.at_path("needs.0.served_by.0")->as_string() == folder / "wanted.so");
  CHECK(!listed.get("plugins").as_array()[1].get("loads_here").as_bool());

  std::ostringstream text;
  cli::inspect_plugin(text, folder / "algo.so", {{folder.path()}}, false);
  const std::string digest = RegularFile(folder / "algo.so").sha256();
  CHECK_THAT(text.str(), Contains("test.algo 1.2.3\n") && Contains(digest) && Contains("this host: 0.") &&
                             Contains("tier        portable") && Contains("(this system: ") && Contains("libc.so.6") &&
                             Contains("provides    ssp.algorithm/0 Fixture") &&
                             Contains("served by " + folder / "wanted.so") && Contains("loads here  yes"));
  std::ostringstream json_text;
  cli::inspect_plugin(json_text, "lonely", {{folder.path()}}, true);
  const Json json = parse_json(json_text.str(), "inspect", "");
  CHECK(json.get("sha256").as_string() == RegularFile(folder / "lonely.so").sha256());
  CHECK(!json.get("loads_here").as_bool());
  CHECK_THAT(json.get("problem").as_string(), Contains("needs ssp.backbone/0 Gone"));

  CHECK_THAT(text.str(), Contains("digest      right"));
  CHECK_THAT(error_of([&] { cli::inspect_plugin(text, folder / "broken.so", {}, false); }), Contains("empty file"));

  std::ostringstream unknown, unknown_list, unknown_json;
  cli::inspect_plugin(unknown, fixture("unknown_kind"), {}, false);
  CHECK_THAT(unknown.str(), Contains("provides    test.tokenizer/0 Tokenizer") && Contains("loads here  yes") &&
                                Contains("test.tokenizer/0: a kind that this host does not know, for other plugins"));
  fs::copy(fixture("unknown_kind"), folder / "unknown.so");
  cli::list_plugins(unknown_list, {{folder.path()}}, false);
  CHECK_THAT(unknown_list.str(), Contains("    test.tokenizer/0: a kind that this host does not know"));
  cli::inspect_plugin(unknown_json, fixture("unknown_kind"), {}, true);
  CHECK(parse_json(unknown_json.str(), "inspect", "").at_path("unknown.0.0")->as_string() == "test.tokenizer/0");

  // Without a digest: listed all the same, and usable with --unstamped.
  write_bytes(folder / "algo.so", replace_in_note(read_bytes(fixture("good")), "digest", "digesT"));
  for (const bool unstamped : {false, true}) {
    std::ostringstream bare;
    cli::inspect_plugin(bare, folder / "algo.so", {{folder.path()}, unstamped}, false);
    CHECK_THAT(bare.str(),
               Contains("digest      none") && Contains(unstamped ? "loads here  yes" : "loads here  no: "));
  }
  CHECK(marker.text() == "");
}

TEST_CASE("a folder may hold more plugins than a process has descriptors") {
  const TempFolder folder;
  write_plugin(folder / "0.so", "test.algo", kAlgorithm);
  for (int i = 1; i < 100; ++i) fs::create_hard_link(folder / "0.so", folder / (std::to_string(i) + ".so"));
  const Outcome outcome = in_child([&] {
    const rlimit few{50, 50};
    if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return 2;
    std::ostringstream out;
    cli::list_plugins(out, {{folder.path()}}, false);
    return out.str().find("cannot be") == std::string::npos ? 0 : 1;
  });
  CHECK(outcome.exit_code == 0);
}
