// The store: what is kept, replaced, set aside and removed.
#include "checkpoint/store.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "refusal.h"
#include "support.h"

using namespace selfsup;
using namespace selfsup::checkpoint;
using namespace selfsup::checkpoint::testing;

namespace {

void flip(const std::string& path, size_t at) {
  std::string bytes = slurp(path);
  bytes.at(at) = static_cast<char>(bytes[at] ^ 1);
  spill(path, bytes);
}

}  // namespace

TEST_CASE("a saved checkpoint is read back byte for byte, through the store and by its path") {
  const TempDir dir;
  CheckpointStore store(dir / "checkpoints", 3);
  CHECK_FALSE(holds_checkpoints(dir / "checkpoints"));
  CHECK_FALSE(store.newest_valid());
  const std::string path = Sample(5).save(store);
  CHECK(path == dir / "checkpoints/iter_5");
  CHECK(holds_checkpoints(dir / "checkpoints"));
  const auto newest = store.newest_valid();
  REQUIRE(newest);
  CHECK(Sample(5).matches(*newest));
  CHECK_FALSE(Sample(6).matches(*newest));  // the comparison can fail
  CHECK(Sample(5).matches(Checkpoint(path + "/")));
  CHECK(newest->has("state/teacher.bin"));
  CHECK_FALSE(newest->has("state/absent.bin"));
  CHECK(contains(refusal(Exit::checkpoint, [&] { newest->tensors("absent.safetensors"); }), "absent.safetensors"));
  CHECK(SafetensorsFile(path + "/model.safetensors").find("head.scalar"));
  CHECK(list_folder(dir / "checkpoints") == std::vector<std::string>{"iter_5"});
}

TEST_CASE("the folder of checkpoints may be a link to another disk") {
  const TempDir dir;
  fs::create_directories(dir / "disk");
  fs::create_directory_symlink(dir / "disk", dir / "checkpoints");
  CheckpointStore store(dir / "checkpoints", 1);
  for (int64_t i = 1; i <= 2; ++i) Sample(i).save(store);
  CHECK(Sample(2).matches(*CheckpointStore(dir / "checkpoints", 1).newest_valid()));
  CHECK(list_folder(dir / "disk") == std::vector<std::string>{"iter_2"});
  CHECK(fs::is_symlink(dir / "checkpoints"));
}

TEST_CASE("equal runs write equal checkpoints") {
  const TempDir dir;
  CheckpointStore a(dir / "a", 1), b(dir / "b", 1);
  Sample(3).save(a);
  Sample(3).save(b);
  for (const char* file : kFiles) CHECK(slurp(dir / "a/iter_3/" + file) == slurp(dir / "b/iter_3/" + file));
}

TEST_CASE("the newest is the one with the largest step, whatever it is called") {
  const TempDir dir;
  CheckpointStore store(dir.path(), -1);
  const Sample late(12), early(9);
  store.save("epoch_1", late.manifest(), late.tensors(), late.blobs());
  store.save("iter_99", early.manifest(), early.tensors(), early.blobs());
  CHECK(late.matches(*store.newest_valid()));
}

TEST_CASE("a name that exists is replaced") {
  const TempDir dir;
  CheckpointStore store(dir.path(), 2);
  const Sample first(4, 3), second(4, 90);
  first.save(store);
  second.save(store);
  CHECK(second.matches(*store.newest_valid()));
  CHECK(list_folder(dir.path()) == std::vector<std::string>{"iter_4"});
}

TEST_CASE("retention keeps the newest and counts only those that are whole") {
  const TempDir dir;
  const auto names = [&] { return list_folder(dir.path()); };
  using Names = std::vector<std::string>;
  CHECK(contains(refusal(Exit::usage, [&] { CheckpointStore(dir.path(), 0); }), "at least 1"));
  CHECK(contains(refusal(Exit::usage, [&] { CheckpointStore(dir.path(), -2); }), "at least 1"));
  {
    CheckpointStore all(dir.path(), -1);
    for (const int64_t i : {1, 2, 3, 10}) Sample(i).save(all);
    CHECK(names() == Names{"iter_1", "iter_10", "iter_2", "iter_3"});
  }
  CheckpointStore store(dir.path(), 3);
  fs::resize_file(dir / "iter_10/model.safetensors", 100);
  Sample(11).save(store);  // 11, 3, 2 are whole; 10 is a ruin, neither counted nor deleted
  CHECK(names() == Names{"iter_10", "iter_11", "iter_2", "iter_3"});
  CheckpointStore one(dir.path(), 1);
  Sample(2).save(one);  // what was just saved stays, though others are newer
  CHECK(names() == Names{"iter_10", "iter_2"});
}

TEST_CASE("a newest checkpoint that is damaged in any of its files is set aside for the previous one") {
  for (const std::string file : kFiles) {
    for (const std::string how : {"flip", "truncate", "grow", "remove", "link", "folder"}) {
      CAPTURE(file, how);
      const TempDir dir;
      CheckpointStore store(dir.path(), -1);
      Sample(10).save(store);
      Sample(20).save(store);
      const std::string path = dir / ("iter_20/" + file);
      if (how == "flip") flip(path, fs::file_size(path) / 2);
      if (how == "truncate") fs::resize_file(path, fs::file_size(path) - 1);
      if (how == "grow") spill(path, slurp(path) + "x");
      if (how == "link") fs::rename(path, dir / "elsewhere.txt");  // the right bytes, but through a link
      if (how == "remove" || how == "folder") fs::remove(path);
      if (how == "link") fs::create_symlink(dir / "elsewhere.txt", path);
      if (how == "folder") fs::create_directory(path);
      const Result said = run(helper() + " newest " + dir.path());
      CHECK(said.exit == 0);
      CHECK(contains(said.output, "iter_20/" + file));
      CHECK(contains(said.output, file == "manifest.json" ? "step is unknown" : "iterations lost: 10;"));
      CHECK(contains(said.output, "newest 10"));
      CHECK(fs::exists(dir / "iter_20.damaged"));
      CHECK_FALSE(fs::exists(dir / "iter_20"));
      CHECK(Sample(10).matches(*CheckpointStore(dir.path(), -1).newest_valid()));
      Sample(20).save(store);  // the run comes by again
      CHECK(Sample(20).matches(*store.newest_valid()));
    }
  }
}

TEST_CASE("when k of n newest are damaged the next is used, when all are, the run stops and nothing is changed") {
  for (int k = 0; k <= 4; ++k) {
    CAPTURE(k);
    const TempDir dir;
    CheckpointStore store(dir.path(), -1);
    for (int64_t i = 1; i <= 4; ++i) Sample(i).save(store);
    for (int i = 4; i > 4 - k; --i) flip(dir / fmt::format("iter_{}/{}", i, kFiles[i - 1]), 40);
    if (k < 4) {
      CHECK(Sample(4 - k).matches(*store.newest_valid()));
      CHECK(Sample(4 - k).matches(*store.newest_valid()));
    } else {
      const auto before = list_folder(dir.path());
      for (int again = 0; again < 2; ++again) {
        const std::string text = refusal(Exit::checkpoint, [&] { store.newest_valid(); });
        for (int i = 1; i <= 4; ++i) CHECK(contains(text, fmt::format("iter_{}/{}", i, kFiles[i - 1])));
        CHECK(contains(text, "--overwrite"));
      }
      CHECK(list_folder(dir.path()) == before);
    }
  }
}

TEST_CASE("checkpoints that were set aside earlier forbid a silent fresh start") {
  const TempDir dir;
  CheckpointStore store(dir.path(), -1);
  for (const char* name : {"iter_1.damaged", "iter_1.superseded-2"}) {
    Sample(1).save(store);
    fs::rename(dir / "iter_1", dir / name);
    CHECK(holds_checkpoints(dir.path()));
    const std::string text = refusal(Exit::checkpoint, [&] { store.newest_valid(); });
    CHECK(contains(text, "no valid checkpoint"));
    CHECK(contains(text, name));
    fs::remove_all(dir / name);
  }
}

TEST_CASE("folders that are no checkpoints are left alone, a checkpoint that lost its manifest is one") {
  const TempDir dir;
  for (const char* name : {"export", "epoch_", "epoch_1b", "iter_1_old", "best_3"}) fs::create_directories(dir / name);
  CHECK_FALSE(holds_checkpoints(dir.path()));
  CheckpointStore store(dir.path(), -1);
  CHECK_FALSE(store.newest_valid());
  for (const char* name : {"epoch_7", "iter_12"}) {
    fs::create_directories(dir / name);
    CHECK(holds_checkpoints(dir.path()));
    CHECK(contains(refusal(Exit::checkpoint, [&] { store.newest_valid(); }), name));
    fs::remove_all(dir / name);
  }
  const Sample kept(3);
  store.save("best_3", kept.manifest(), kept.tensors(), kept.blobs());
  CHECK(kept.matches(*store.newest_valid()));
  fs::create_directories(dir / "iter_12");
  const auto before = list_folder(dir.path());
  store.newest_valid();
  auto after = list_folder(dir.path());
  std::replace(after.begin(), after.end(), std::string("iter_12.damaged"), std::string("iter_12"));
  CHECK(after == before);
}

TEST_CASE("a run that goes on from an older checkpoint leaves the later ones behind") {
  const TempDir dir;
  const std::string folder = dir / "checkpoints/";
  CheckpointStore store(dir / "checkpoints", -1);
  for (int64_t i = 1; i <= 4; ++i) Sample(i).save(store);
  for (int round = 0; round < 2; ++round) {
    store.go_on_from(Checkpoint(folder + "iter_2").manifest());
    CHECK(Sample(4).matches(*store.newest_valid()));  // before the first save nothing is given up
    Sample(3).save(store);
    CHECK(Sample(3).matches(*store.newest_valid()));
    for (const std::string name : {"iter_3", "iter_4"})
      CHECK(Sample(name.back() - '0').matches(Checkpoint(folder + name + (round ? ".superseded-2" : ".superseded"))));
    Sample(4).save(store);
    CHECK(Sample(4).matches(*store.newest_valid()));
  }
}

TEST_CASE("what is called like a checkpoint that is left behind is not in its way") {
  const TempDir dir;
  const std::string folder = dir / "checkpoints/";
  CheckpointStore store(dir / "checkpoints", -1);
  for (const int64_t i : {2, 5, 6}) Sample(i).save(store);
  store.go_on_from(Checkpoint(folder + "iter_2").manifest());
  spill(folder + "iter_5.superseded", "a file");
  fs::create_symlink("nowhere", folder + "iter_6.superseded");
  const Sample older(1);
  store.save("iter_2", older.manifest(), older.tensors(), older.blobs());  // the name of one that is not left behind
  CHECK(older.matches(Checkpoint(folder + "iter_2")));
  CHECK(Sample(5).matches(Checkpoint(folder + "iter_5.superseded-2")));
  CHECK(Sample(6).matches(Checkpoint(folder + "iter_6.superseded-2")));
  CHECK(slurp(folder + "iter_5.superseded") == "a file");
  CHECK(list_folder(folder).size() == 5);
}

TEST_CASE("saves are proved to be possible before there is anything to save") {
  const auto refused = [](Exit exit, const std::string& directory) {
    const CheckpointStore store(directory, 1);
    return refusal(exit, [&] { store.probe(); });
  };
  const TempDir dir;
  const CheckpointStore good(dir / "a/checkpoints", 1);
  good.probe();
  CHECK_FALSE(fs::exists(dir / "a"));
  fs::create_directories(dir / "linked/epoch_1");
  fs::create_directory_symlink(dir / "linked", dir / "checkpoints");
  CHECK(refused(Exit::storage, dir / "checkpoints") == "");
  CHECK(list_folder(dir / "linked") == std::vector<std::string>{"epoch_1"});

  for (const char* name : {"epoch_2", "iter_120"}) {
    spill(dir / ("linked/" + std::string(name)), "a file");
    CHECK(contains(refused(Exit::usage, dir / "checkpoints"), name));
    fs::remove(dir / ("linked/" + std::string(name)));
    fs::create_symlink("nowhere", dir / ("linked/" + std::string(name)));
    CHECK(contains(refused(Exit::usage, dir / "checkpoints"), name));
    fs::remove(dir / ("linked/" + std::string(name)));
  }
  spill(dir / "linked/best_3", "a user's");
  CHECK(refused(Exit::usage, dir / "checkpoints") == "");

  fs::create_symlink(dir / "nowhere", dir / "dangling");
  CHECK(contains(refused(Exit::storage, dir / "dangling"), "a link that leads nowhere"));
  spill(dir / "file", "x");
  CHECK(contains(refused(Exit::storage, dir / "file"), "Not a directory"));
  // The folder can be made, what saves make in it cannot.
  std::string deep = dir.path();
  while (deep.size() < 4080 - 100) deep += "/" + std::string(90, 'd');
  deep += "/" + std::string(4080 - deep.size() - 1 - 12, 'd');
  CHECK(contains(refused(Exit::storage, deep + "/checkpoints"), "File name too long"));
  CHECK_FALSE(fs::exists(dir / std::string(90, 'd')));
}

TEST_CASE("names that lead elsewhere are refused at the save, and nothing is left of it") {
  const TempDir dir;
  CheckpointStore store(dir / "c", 1);
  const Sample sample(1);
  for (const char* name : {"", "..", "a/b", ".x", "x.damaged", "a b", "é"})
    CHECK_THROWS_AS(store.save(name, sample.manifest(), sample.tensors()), Error);
  for (const char* name : {"../x", "/x", "state/../../x", "other/x", "", ".hidden", "manifest.json"})
    CHECK_THROWS_AS(store.save("iter_1", sample.manifest(), sample.tensors(), {{name, "x"}}), Error);
  CHECK(list_folder(dir / "c").empty());
  CHECK(list_folder(dir.path()) == std::vector<std::string>{"c"});
}

TEST_CASE("what killed runs left is removed at start, links are removed and not followed") {
  const TempDir dir;
  fs::create_directories(dir / "c/.tmp-iter_3/state");
  spill(dir / "c/.tmp-iter_3/state/x.bin", "x");
  fs::create_directories(dir / "c/.trash-iter_1");
  spill(dir / "c/.trash-iter_1/model.safetensors", "x");
  fs::create_directories(dir / "precious");
  spill(dir / "precious/file", "x");
  fs::create_directory_symlink(dir / "precious", dir / "c/.tmp-iter_3/link");
  fs::create_directory_symlink(dir / "precious", dir / "c/.trash-link");
  CheckpointStore store(dir / "c", 1);
  CHECK(list_folder(dir / "c").empty());
  CHECK(slurp(dir / "precious/file") == "x");
  CHECK_FALSE(store.newest_valid());
}

TEST_CASE("a checkpoint that stood aside for its successor comes back when the successor never came") {
  const TempDir dir;
  {
    CheckpointStore store(dir.path(), -1);
    Sample(1).save(store);
    Sample(2).save(store);
  }
  fs::rename(dir / "iter_2", dir / ".old-iter_2");
  fs::create_directory(dir / ".tmp-iter_2");
  fs::copy(dir / "iter_1", dir / ".old-iter_1", fs::copy_options::recursive);
  CheckpointStore store(dir.path(), -1);
  CHECK(Sample(2).matches(*store.newest_valid()));
  CHECK(list_folder(dir.path()) == std::vector<std::string>{"iter_1", "iter_2"});
}
