// Refusals after the file is mapped, in child processes where a crash would be the failure.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstring>
#include <new>
#include <thread>

#include "plugin/crossing.h"
#include "plugin/registry.h"
#include "plugin/support/plugins.h"

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
      {"table_size_zero", "ssp.algorithm/0 Fixture: the table has struct_size 0, expected at least 88", undone},
      {"table_size_small", "the table has struct_size 80, expected at least 88", undone},
      {"table_size_past", "the table has struct_size 1073741824, which runs past the memory segment", undone},
      {"table_null_step", "the table.training_step is null", undone},
      {"table_data_step", "the table.training_step is no code of the plugin's own file", undone},
      {"table_flags", "the table has caps 0x200, this host knows 0x1", undone},
      {"undefined_symbol", "function_that_nobody_has", ""},
      {"init_throws_shared", "init let an exception cross (init went wrong); build it on the C++ layer", begun},
  };
  for (const Case& c : cases) {
    CAPTURE(c.fault);
    const Marker marker;
    const Outcome outcome = load_in_child(fixture(c.fault));
    CHECK(outcome.signal == 0);
    CHECK(outcome.exit_code == static_cast<int>(Exit::plugin));
    CHECK_THAT(outcome.err, StartsWith("test.fixture 1.2.3 (" + fixture(c.fault) + ")"));
    CHECK_THAT(outcome.err, Contains(c.text) && !Contains("XXX"));
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

TEST_CASE("loading twice, clashes of ids and of components") {
  const Outcome outcome = in_child([] {
    const TempFolder folder;
    const std::string good = read_bytes(fixture("good"));
    const auto write = [&](const std::string& name, const std::string& id, const std::string& provides) {
      write_bytes(folder / name, with_note(good, note_text(id, provides, "[]")));
    };
    write("a.so", "test.a", R"([["ssp.algorithm/0","Fixture"]])");
    write("same_id.so", "test.a", R"([["ssp.transform/0","FixtureTransform"]])");
    write("same_name.so", "test.b", R"([["ssp.algorithm/0","Fixture"]])");
    write("other.so", "test.c", R"([["ssp.transform/0","FixtureTransform"]])");
    std::filesystem::create_symlink(folder / "a.so", folder / "link.so");

    Registry registry(host());
    const Plugin& a = registry.load(folder / "a.so");
    if (&registry.load(folder / "a.so") != &a || &registry.load(folder / "link.so") != &a) return 10;
    if (registry.plugins().size() != 1 || a.sha256.size() != 64) return 11;
    fmt::print(stderr, "{}\n", error_of([&] { registry.load(folder / "same_id.so"); }));
    fmt::print(stderr, "{}\n", error_of([&] { registry.load(folder / "same_name.so"); }));
    fmt::print(stderr, "{}\n", error_of([&] { registry.load_all({folder / "same_name.so"}, {}); }));
    registry.load(folder / "other.so");
    if (registry.plugins().size() != 2) return 12;
    fmt::print(stderr, "{}\n", error_of([&] { registry.find("ssp.algorithm/0", "Fixtrue"); }, Exit::usage));
    fmt::print(stderr, "{}\n", error_of([&] { registry.find("ssp.backbone/0", "ViT"); }, Exit::usage));
    write("vit.so", "test.vit", R"([["ssp.backbone/0","ViT"]])");
    registry.load_all({}, {folder.path()});
    if (registry.plugins().size() != 2) return 14;
    fmt::print(stderr, "{}\n", error_of([&] { registry.find("ssp.backbone/0", "ViT"); }, Exit::usage));
    return registry.find_if_any("ssp.algorithm/0", "Fixtrue") ? 13 : 0;
  });
  CHECK(outcome.exit_code == 0);
  CHECK_THAT(outcome.err, Contains("two plugin files have one id, test.a: ") && Contains("a.so 1.2.3 and ") &&
                              Contains("same_id.so") && Contains("use one of them"));
  CHECK_THAT(outcome.err, Contains("two plugins provide ssp.algorithm/0 Fixture: test.a 1.2.3 (") &&
                              Contains("test.b 1.2.3 (") && Contains("same_name.so"));
  CHECK_THAT(outcome.err, Contains("no loaded plugin provides ssp.algorithm/0 \"Fixtrue\"; there is: Fixture (a.so)") &&
                              Contains("did you mean \"Fixture\"?"));
  CHECK_THAT(outcome.err, Contains("ssp.backbone/0 \"ViT\"; there is none of that kind; name a plugin that provides it "
                                   "with --plugin\n"));
  CHECK_THAT(outcome.err, Contains("; vit.so provides it: add --plugin vit.so\n"));
}
