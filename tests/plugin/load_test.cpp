// Refusals after the file is mapped, in child processes where a crash would be the failure.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstring>
#include <new>
#include <thread>

#include "plugin/crossing.h"
#include "plugin/registry.h"
#include "plugin/support/plugins.h"
#include "ssp/registry.h"

using namespace selfsup;
using namespace selfsup::plugin;
using namespace selfsup::plugin::test;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

namespace {

// What the child prints: the refusal, and an X for each thing of the plugin that is still there.
Outcome load_in_child(const std::string& path) {
  return in_child([&] {
    install_crash_handlers();
    Registry registry(host());
    try {
      registry.load(path);
    } catch (const Error& error) {
      const bool undone = registry.plugins().empty() && registry.of_kind("ssp.algorithm/0").empty() &&
                          registry.of_kind("ssp.transform/0").empty();
      fmt::print(stderr, "{}{}", error.what(), undone ? "" : " XXX still registered");
      return static_cast<int>(error.exit());
    }
    return 0;
  });
}

}  // namespace

TEST_CASE("faulty entries, tables and inits are refused and undone") {
  struct Case {
    const char *fault, *text;
    const char* ran;  // what of the plugin ran
  };
  const char *mapped = "constructor\n", *begun = "constructor\ninit\n", *undone = "constructor\ninit\nshutdown\n";
  const Case cases[] = {
      {"entry_none", "expected a data object named ssp_plugin_v1 in the file, found none; export it", mapped},
      {"entry_code", "found one that is code", mapped},
      {"entry_size_zero", "ssp_plugin_v1 has struct_size 0, expected at least 32 (SDK 0.0)", mapped},
      {"entry_size_small", "ssp_plugin_v1 has struct_size 24, expected at least 32", mapped},
      {"entry_size_past", "struct_size 4294967280, which runs past the memory segment", mapped},
      {"entry_minor", "ssp_plugin_v1 says SDK 0.", mapped},
      {"entry_null_init", "ssp_plugin_v1.init is null, expected a function", mapped},
      {"entry_null_factory", "ssp_plugin_v1.get_factory is null", mapped},
      {"entry_data_init", "ssp_plugin_v1.init is no code of the plugin's own file", mapped},
      {"entry_foreign_init", "ssp_plugin_v1.init is no code of the plugin's own file", mapped},
      {"init_fails", "init: the licence file is missing (status 5)", begun},
      {"init_fails_silently", "init: failed without text (status 5)", begun},
      {"factory_missing",
       "ssp.transform/0 FixtureTransform: its note promises it, but get_factory does not give it: "
       "failed without text (status 4)",
       undone},
      {"table_null", "ssp.algorithm/0 Fixture: the table is null", undone},
      {"table_foreign", "ssp.algorithm/0 Fixture: the table lies outside the plugin's own memory", undone},
      {"table_size_zero", "ssp.algorithm/0 Fixture: the table has struct_size 0, expected at least 96", undone},
      {"table_size_small", "the table has struct_size 88, expected at least 96", undone},
      {"table_size_past", "the table has struct_size 1073741824, which runs past the memory segment", undone},
      {"table_null_step", "the table.training_step is null", undone},
      {"table_data_step", "the table.training_step is no code of the plugin's own file", undone},
      {"table_flags", "the table has caps 0x200, this host knows 0x7", undone},
      {"table_caps", "caps hold SSP_CAP_CAPTURABLE and SSP_CAP_GRADIENTS, but no code of a plugin runs", undone},
      {"table_saves_only", "the table.save_state is there without the table.load_state: what one writes", undone},
      {"table_loads_only", "the table.load_state is there without the table.save_state: what one writes", undone},
      {"unnoted", "it provides ssp.backbone/0 Fixture, which its note does not say; add it to the note", undone},
      {"undefined_symbol", "fixture_undefined_symbol.so: undefined symbol: function_that_nobody_has", ""},
      {"init_throws_shared", "init let an exception cross (init went wrong); build it on the C++ layer", begun},
  };
  for (const Case& c : cases) {
    CAPTURE(c.fault);
    const Marker marker;
    const Outcome outcome = load_in_child(fixture(c.fault));
    CHECK(outcome.signal == 0);
    CHECK(outcome.exit_code == static_cast<int>(Exit::plugin));
    CHECK_THAT(outcome.err, StartsWith("test.fixture 1.2.3 (" + fixture(c.fault) + ")"));
    CHECK_THAT(outcome.err, Contains(c.text) && !Contains("XXX") && !Contains("/proc/"));
    CHECK(marker.text() == c.ran);
  }
}

TEST_CASE("whatever stops a load, nothing of the plugin stays") {
  static ssp_host failing = *host();
  failing.set_error = [](const ssp_host*, ssp_str) { throw std::bad_alloc(); };
  const Marker marker;
  const Outcome outcome = in_child([] {
    Registry registry(&failing);
    try {
      registry.load(fixture("good"));
    } catch (const std::bad_alloc&) {
      return registry.plugins().empty() && registry.of_kind("ssp.algorithm/0").empty() ? 0 : 10;
    }
    return 11;
  });
  CHECK(outcome.signal == 0);
  CHECK(outcome.exit_code == 0);
  CHECK(marker.text() == "constructor\n");  // no shutdown without an init
}

TEST_CASE("an optional function may be null, free flags are ignored") {
  const Outcome outcome = load_in_child(fixture("table_optional_null"));
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.err == "");
}

TEST_CASE("an exception that cannot be caught ends the process with one line that names plugin and callback") {
  for (const char* fault : {"init_throws", "init_throws_int", "factory_throws"}) {
    CAPTURE(fault);
    const Outcome outcome = load_in_child(fixture(fault));
    const std::string callback = std::string(fault) == "factory_throws" ? "get_factory" : "init";
    if (outcome.signal == 0) {  // this C++ library could unwind through it after all
      CHECK(outcome.exit_code == static_cast<int>(Exit::plugin));
      CHECK_THAT(outcome.err, Contains(callback + " let an exception cross"));
      continue;
    }
    CHECK(outcome.signal == SIGABRT);
    CHECK_THAT(outcome.err, Contains("selfsup-host: plugin test.fixture let an exception cross, or aborted (callback " +
                                     callback + "); build it on the C++ layer, or catch in every callback\n"));
  }
}

TEST_CASE("crossings nest, are of one thread, and are over when they end") {
  const auto aborts = [](const std::function<void()>& body) {
    const Outcome outcome = in_child([&] {
      install_crash_handlers();
      body();
      return 0;
    });
    CHECK(outcome.signal == SIGABRT);
    return outcome.err;
  };
  CHECK_THAT(aborts([] {
               const Crossing outer("outer", "create");
               const Crossing inner("inner", "forward");
               std::abort();
             }),
             StartsWith("selfsup-host: plugin inner let") && Contains("(callback forward)"));
  CHECK_THAT(aborts([] {
               const Crossing outer("outer", "create");
               { const Crossing inner("inner", "forward"); }
               std::abort();
             }),
             StartsWith("selfsup-host: plugin outer let") && Contains("(callback create)"));
  CHECK(aborts([] {
          { const Crossing over("outer", "create"); }
          std::abort();
        }) == "");
  CHECK(aborts([] {
          const Crossing other_thread("outer", "create");
          std::thread([] { std::abort(); }).join();
        }) == "");
  // One line, and nothing of libstdc++'s before it.
  CHECK_THAT(aborts([] {
               const Crossing crossing("outer", "training_step");
               const auto thrower = [] { throw 42; };
               [&]() noexcept { thrower(); }();
             }),
             StartsWith("selfsup-host: plugin outer let an exception cross"));
  // A name longer than the line is cut, not overrun.
  const std::string longest(4000, 'x');
  CHECK_THAT(aborts([&] {
               const Crossing crossing(longest.c_str(), "init");
               std::abort();
             }),
             StartsWith("selfsup-host: plugin xxx") && EndsWith("\n"));
}

namespace {

// Plugins made of the good one, which say that they provide other things; those that it does not have fail to load.
class Folder {
 public:
  void write(const std::string& name, const std::string& id, const std::string& provides,
             const std::string& needs = "[]") const {
    write_plugin(folder_ / name, with_note(good_, note_text(id, provides, needs)));
  }
  std::string operator/(const std::string& name) const { return folder_ / name; }
  Places places() const { return {{folder_.path()}}; }

 private:
  const TempFolder folder_;
  const std::string good_ = read_bytes(fixture("good"));
};

constexpr const char* kFixture = R"([["ssp.algorithm/0","Fixture"]])";
constexpr const char* kTransform = R"([["ssp.transform/0","FixtureTransform"]])";
constexpr const char* kBoth = R"([["ssp.algorithm/0","Fixture"],["ssp.transform/0","FixtureTransform"]])";

// In a child, since the plugins stay mapped.
std::string printed(const std::function<void()>& body) {
  const Outcome outcome = in_child([&] {
    body();
    return 0;
  });
  CHECK(outcome.exit_code == 0);
  return outcome.err;
}

void say(const std::string& text) { fmt::print(stderr, "{}\n", text); }
std::string owner(const Component* component) { return component ? component->plugin->file.note.id : "none"; }

}  // namespace

TEST_CASE("one file is loaded once, and two of one id never") {
  const Folder folder;
  folder.write("a.so", "test.a", kFixture);
  folder.write("same_id.so", "test.a", kTransform);
  std::filesystem::create_symlink(folder / "a.so", folder / "link.so");
  const std::string out = printed([&] {
    Registry registry(host());
    const Plugin& a = registry.load(folder / "a.so");
    if (&registry.load(folder / "a.so") != &a || &registry.load(folder / "link.so") != &a) say("twice");
    if (registry.plugins().size() != 1 || a.sha256 != RegularFile(folder / "a.so").sha256()) say("not one");
    say(error_of([&] { registry.load(folder / "same_id.so"); }));
  });
  CHECK_THAT(out, StartsWith("two plugin files have one id, test.a: ") && Contains("a.so 1.2.3 and ") &&
                      Contains("same_id.so") && Contains("use one of them\n"));
}

TEST_CASE("a name that nobody provides is an error with what is there and what to do") {
  const Folder folder;
  folder.write("a.so", "test.a", kFixture);
  folder.write("vit.so", "test.vit", R"([["ssp.backbone/0","ViT"]])");
  const std::string out = printed([&] {
    Registry registry(host(), folder.places());
    registry.load(folder / "a.so");
    if (registry.find_if_any("ssp.algorithm/0", "Fixtrue")) say("found");
    for (const auto& [kind, name] : {ComponentName{"ssp.algorithm/0", "Fixtrue"}, {"ssp.backbone/0", "ViT"}})
      say(error_of([&, &kind = kind, &name = name] { registry.find(kind, name); }, Exit::usage));
    say(error_of([&] { Registry(host()).find("ssp.backbone/0", "ViT"); }, Exit::usage));
    if (registry.plugins().size() != 1) say("loaded");
  });
  CHECK_THAT(out, StartsWith("no loaded plugin provides ssp.algorithm/0 \"Fixtrue\"; there is: Fixture (a.so); did you "
                             "mean \"Fixture\"?; if a plugin of yours provides it"));
  CHECK_THAT(out, Contains("ssp.backbone/0 \"ViT\"; there is none of that kind; vit.so provides it: add --plugin "
                           "vit.so\n"));
  CHECK_THAT(out,
             EndsWith("; there is none of that kind; if a plugin of yours provides it, name that with --plugin, or "
                      "its folder with --plugin-dir\n"));
}

TEST_CASE("two components of one kind and name are told apart by their plugins' ids, or refused") {
  const Folder folder;
  folder.write("a.so", "test.a", kFixture);
  folder.write("b.so", "Test.B", kBoth);
  const std::string out = printed([&] {
    Registry registry(host());
    registry.load_all({folder / "a.so", folder / "b.so"});
    for (const char* type : {"test.a:Fixture", "Test.B:Fixture", "test.b:Fixture", "test.a:FixtureTransform"})
      say(owner(registry.find_if_any("ssp.algorithm/0", type)));
    say(owner(registry.find_if_any("ssp.transform/0", "FixtureTransform")));
    say(error_of([&] { registry.find_if_any("ssp.algorithm/0", "Fixture"); }, Exit::usage));
  });
  CHECK(out ==
        fmt::format("test.a\nTest.B\nnone\nnone\nTest.B\ntwo plugins provide ssp.algorithm/0 \"Fixture\": test.a "
                    "1.2.3 ({}) and Test.B 1.2.3 ({}); write \"test.a:Fixture\" or \"Test.B:Fixture\"\n",
                    folder / "a.so", folder / "b.so"));
}

TEST_CASE("a need of any name loads what is asked for, when it is asked for") {
  const Folder folder;
  folder.write("asker.so", "test.asker", kFixture, R"([["ssp.transform/0","*"]])");
  folder.write("one.so", "test.one", kTransform);
  folder.write("else.so", "test.else", R"([["ssp.transform/0","Else"]])");
  const std::string out = printed([&] {
    Registry registry(host(), folder.places());
    registry.load(folder / "asker.so");
    say(std::to_string(registry.plugins().size()));
    say(fmt::format("{}", fmt::join(registry.names("ssp.transform/0"), " ")));
    say(owner(registry.find_if_any("ssp.transform/0", "FixtureTransform")));
    say(owner(registry.find_if_any("ssp.transform/0", "FixtureTransform")));  // the same again
    say(std::to_string(registry.plugins().size()));
    say(owner(registry.find_if_any("ssp.transform/0", "Nobody")));
    say(owner(registry.find_if_any("ssp.backbone/0", "FixtureTransform")));  // nobody needs any of that kind
    say(error_of([&] { registry.find_if_any("ssp.transform/0", "Else"); }));
  });
  CHECK_THAT(out, StartsWith("1\nElse FixtureTransform\ntest.one\ntest.one\n2\nnone\nnone\ntest.else 1.2.3 (") &&
                      Contains("Else: its note promises it, but get_factory does not give it"));

  folder.write("two.so", "test.two", kTransform);
  const std::string twice = printed([&] {
    Registry registry(host(), folder.places());
    registry.load(folder / "asker.so");
    say(error_of([&] { registry.find_if_any("ssp.transform/0", "FixtureTransform"); }, Exit::usage));
    say(owner(registry.find_if_any("ssp.transform/0", "test.two:FixtureTransform")));
    say(owner(registry.find_if_any("ssp.transform/0", "FixtureTransform")));  // one is loaded by now
  });
  CHECK_THAT(twice, StartsWith("two plugins provide ssp.transform/0 \"FixtureTransform\": test.one 1.2.3 (") &&
                        Contains("write \"test.one:FixtureTransform\" or \"test.two:FixtureTransform\"\n") &&
                        EndsWith("test.two\ntest.two\n"));
}

TEST_CASE("a kind that the host does not know is handed out by its head") {
  const std::string out = printed([] {
    Registry registry(host());
    registry.load(fixture("unknown_kind"));
    const auto* head = static_cast<const ssp_table_head*>(registry.find("test.tokenizer/0", "Tokenizer").table);
    say(fmt::format("{} {:#x}", head->struct_size, head->caps));  // flags are between the two plugins
  });
  CHECK(out == "32 0xffff\n");
  const Outcome outcome = load_in_child(fixture("unknown_kind_short"));
  CHECK(outcome.exit_code == static_cast<int>(Exit::plugin));
  CHECK_THAT(outcome.err, Contains("test.tokenizer/0 Tokenizer: the table has struct_size 24, expected at least 32") &&
                              !Contains("XXX"));
}
