#include "cli/command_line.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "base/errors.h"

using namespace selfsup;
using namespace selfsup::cli;
using Words = std::vector<std::string>;

namespace {

std::string refusal(const Words& words) {
  try {
    parse_command_line(words);
  } catch (const Error& e) {
    CHECK(e.exit() == Exit::usage);
    return e.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("flags stand before or after the configuration") {
  for (const Words& words : {Words{"--plugin", "p.so", "c.json", "--seed", "3", "--amp"},
                             Words{"train", "c.json", "--amp", "--plugin=p.so", "--seed=3"},
                             Words{"--amp", "--seed", "3", "--plugin", "p.so", "train", "c.json"}}) {
    const CommandLine line = parse_command_line(words);
    CHECK(line.command == Command::train);
    CHECK(line.target == "c.json");
    CHECK(line.plugins == Words{"p.so"});
    CHECK(line.seed == 3);
    CHECK(line.amp);
  }
}

TEST_CASE("the flag --cfg-options takes KEY=VALUE words only") {
  CommandLine line = parse_command_line({"--cfg-options", "a=1", "b.c=[1,2]", "c.json"});
  CHECK(line.cfg_options == Words{"a=1", "b.c=[1,2]"});
  CHECK(line.target == "c.json");
  line = parse_command_line({"c.json", "--cfg-options", "a=1", "--cfg-options", "a=x=y"});
  CHECK(line.cfg_options == Words{"a=1", "a=x=y"});
  CHECK(contains(refusal({"c.json", "--cfg-options"}), "KEY=VALUE"));
  CHECK(contains(refusal({"c.json", "a=1"}), "--cfg-options"));
}

TEST_CASE("the flag --resume takes the next word only if it can be meant") {
  CHECK(parse_command_line({"--resume", "c.json"}).resume == "");
  CHECK(parse_command_line({"--resume", "c.json"}).target == "c.json");
  CHECK(parse_command_line({"--resume", "auto", "c.json"}).resume == "");
  CHECK(parse_command_line({"--resume=else/where", "c.json"}).resume == "else/where");
  CHECK_FALSE(parse_command_line({"c.json"}).resume);
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("selfsup-resume-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  CHECK(parse_command_line({"--resume", folder.string()}).target == folder.string());
  std::ofstream(folder / "manifest.json") << "{}";
  CHECK(parse_command_line({"--resume", folder.string(), "c.json"}).resume == folder.string());
  std::filesystem::remove_all(folder);
}

TEST_CASE("mistyped words suggest the nearest") {
  CHECK(contains(refusal({"c.json", "--work_dir", "x"}), "--work-dir"));
  CHECK(contains(refusal({"c.json", "--plugn", "x"}), "'--plugin'"));
  CHECK(contains(refusal({"valdate", "c.json"}), "'validate'"));
  CHECK(contains(refusal({"c.json", "--launcher", "slrum"}), "'slurm'"));
  CHECK(refusal({"c.json", "--launcher", "none"}).empty());
  for (const Words& words : {Words{"c.json", "--seed", "x"}, Words{"c.json", "--seed", "-1"}, Words{"c.json", "--seed"},
                             Words{"c.json", "--amp=1"}, Words{"c.json", "d.json"}, Words{"train"}, Words{"inspect"},
                             Words{"list", "more"}, Words{"--plugin"}}) {
    INFO(words.front());
    CHECK_FALSE(refusal(words).empty());
  }
}

TEST_CASE("flags of other commands are refused") {
  CHECK(contains(refusal({"list", "--overwrite"}), "--overwrite is of train, config and validate; found with list"));
  CHECK(contains(refusal({"env", "--schema"}), "--schema is of inspect; found with env"));
  CHECK(contains(refusal({"c.json", "--json"}), "--json is of list and inspect; found with train"));
  CHECK(contains(refusal({"validate", "c.json", "--sources"}), "--sources is of config"));
  CHECK(contains(refusal({"inspect", "p.so", "--json", "--schema"}), "--schema is JSON already"));
  for (const char* command : {"train", "config", "validate"})
    CHECK(refusal({command,         "c.json",
                   "--plugin",      "p.so",
                   "--plugin-dir",  "d",
                   "--work-dir",    "w",
                   "--overwrite",   "--resume",
                   "--load-from",   "x",
                   "--amp",         "--auto-scale-lr",
                   "--device",      "cpu",
                   "--seed",        "1",
                   "--launcher",    "none",
                   "--local_rank",  "0",
                   "--cfg-options", "a=1"})
              .empty());
  CHECK(refusal({"list", "--json", "--plugin-dir", "d"}).empty());
  CHECK(contains(refusal({"stamp", "x.so", "--unstamped"}), "list, export and inspect; found with stamp"));
  CHECK(refusal({"knn", "c.json", "--out", "n.png"}).empty());
  CHECK(contains(refusal({"probe", "c.json", "--out", "n.png"}), "--out is of views, reconstruct, knn and embed"));
  for (const char* command : {"train", "config", "validate", "inspect"})
    CHECK(parse_command_line({command, "x.json", "--unstamped"}).unstamped);
  CHECK(parse_command_line({"list", "--unstamped"}).unstamped);
  CHECK(parse_command_line({"list", "--amp", "--help"}).command == Command::help);
}

TEST_CASE("values that cannot be meant are refused") {
  CHECK(contains(refusal({"c.json", "--seed", "-1"}), "--seed takes a whole number of 0 or more; found \"-1\""));
  CHECK(contains(refusal({"c.json", "--work-dir", ""}), "--work-dir needs a value; found an empty text"));
  CHECK(contains(refusal({"c.json", "--resume="}), "--resume needs a value"));
  CHECK(contains(refusal({"c.json", "--work-dir", "w\xff"}), "\"w\\ufffd\" is not UTF-8"));
  const std::string mistyped = refusal({"--resume", "runs/a/checkpoints/epoch_9", "c.json"});
  CHECK(contains(mistyped,
                 "--resume takes the next word only if it is 'auto' or a checkpoint folder, and "
                 "\"runs/a/checkpoints/epoch_9\" is none; write --resume=PATH"));
  CHECK(contains(refusal({"--resume", "c.json", "--", "d.json"}), "--resume takes the next word"));
  CHECK(contains(refusal({"c.json", "--resume", "--amp", "d.json"}), "\"d.json\" is one word too many"));
}

TEST_CASE("launchers, and what our own is asked") {
  for (const char* name : {"auto", "none", "pytorch", "slurm", "mpi", "local"})
    CHECK(parse_command_line({"--launcher", name, "c.json"}).ranks.launcher == name);
  CHECK_FALSE(parse_command_line({"c.json"}).ranks.launcher);
  CHECK(parse_command_line({"env", "--launcher", "slurm"}).ranks.launcher == "slurm");
  for (const char* command : {"env", "validate", "views", "config"}) {
    Words words = {command, "--launcher", "local", "c.json"};
    if (std::string(command) == "env") words.pop_back();
    CHECK(contains(refusal(words), std::string("--launcher local is of train; found with ") + command));
  }
  const launch::Asked asked =
      parse_command_line({"--nproc-per-node=4", "c.json", "--nnodes", "2", "--node-rank", "1", "--master-addr", "node1",
                          "--master-port", "29600", "--max-restarts", "3", "--local-rank", "0"})
          .ranks;
  CHECK(asked.nproc_per_node == 4);
  CHECK(asked.nnodes == 2);
  CHECK(asked.node_rank == 1);
  CHECK(asked.master_addr == "node1");
  CHECK(asked.master_port == 29600);
  CHECK(asked.max_restarts == 3);
  CHECK(asked.local_rank == 0);
  CHECK(contains(refusal({"c.json", "--nproc-per-node", "two"}), "--nproc-per-node takes a whole number"));
  CHECK(contains(refusal({"validate", "c.json", "--nnodes", "2"}), "--nnodes is of train; found with validate"));
  CHECK(contains(refusal({"c.json", "--nproc_per_node", "2"}), "'--nproc-per-node'"));
}

TEST_CASE("the words in parts: each flag with its values") {
  const CommandLine line = parse_command_line({"train", "--launcher", "local", "--cfg-options", "a=1", "b=x y",
                                               "--resume", "auto", "--seed=3", "--", "c.json"});
  std::vector<std::pair<std::string, Words>> parts;
  for (const Part& part : line.parts) parts.emplace_back(part.flag, part.words);
  CHECK(parts == std::vector<std::pair<std::string, Words>>{{"", {"train"}},
                                                            {"--launcher", {"--launcher", "local"}},
                                                            {"--cfg-options", {"--cfg-options", "a=1", "b=x y"}},
                                                            {"--resume", {"--resume", "auto"}},
                                                            {"--seed", {"--seed=3"}},
                                                            {"", {"--"}},
                                                            {"", {"c.json"}}});
}

TEST_CASE("commands") {
  for (const auto& [name, command] : {std::pair<const char*, Command>{"config", Command::config},
                                      {"validate", Command::validate},
                                      {"inspect", Command::inspect}})
    CHECK(parse_command_line({name, "x.json"}).command == command);
  CHECK(parse_command_line({"list", "--json"}).json);
  CHECK(parse_command_line({"inspect", "--schema"}).target.empty());
  CHECK(parse_command_line({"inspect", "--schema", "x.so"}).target == "x.so");
  CHECK(parse_command_line({"stamp", "x.so"}).command == Command::stamp);
  CHECK(parse_command_line({"stamp", "x.so"}).target == "x.so");
  CHECK(contains(refusal({"stamp"}), "stamp needs a plugin: selfsup-host stamp PLUGIN.so"));
  CHECK(parse_command_line({"env"}).command == Command::env);
  CHECK(parse_command_line({"c.json", "--help"}).command == Command::help);
  CHECK(parse_command_line({"--version"}).command == Command::version);
  CHECK(parse_command_line({"c.json", "--local_rank", "2", "--local-rank=3"}).target == "c.json");
}

TEST_CASE("dedicated flags lie over everything") {
  Json tree = parse_json(
      R"({"work_dir": "a", "resume": true, "optim_wrapper": {"type": "OptimWrapper", "optimizer": {"type": "SGD"}}})",
      "c", "file");
  apply_flags(
      tree, parse_command_line({"c.json", "--work-dir", "b", "--seed", "5", "--amp", "--resume=x", "--device", "cpu"}));
  CHECK(tree == parse_json(R"({"work_dir": "b", "resume": "x", "device": "cpu", "randomness": {"seed": 5},
                               "optim_wrapper": {"type": "AmpOptimWrapper", "optimizer": {"type": "SGD"}}})",
                           "c", "file"));
  CHECK(describe(tree.get("work_dir").source) == "--work-dir");
}
