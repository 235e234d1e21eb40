#include "data/datasets/dataset.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zlib.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "base/errors.h"
#include "bridge/support/captured_log.h"
#include "data/file.h"
#include "data/support/support.h"
#include "resolved.h"

namespace selfsup::data {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;
using namespace test;

std::unique_ptr<Dataset> make(const std::string& text) {
  return make_dataset(selfsup::test::resolved(dataset_types(), parse_json(text, "test.json", "test"), kDefaultDataset));
}

std::string data_error(const std::string& text) {
  try {
    make(text);
  } catch (const Error& e) {
    CHECK(e.exit() == Exit::data);
    return e.what();
  }
  return "";
}

std::string quoted(const std::string& s) { return to_text(Json(s)); }

Bytes idx(const std::vector<uint32_t>& sizes, const Bytes& elements) {
  Bytes out = {0, 0, 8, static_cast<uint8_t>(sizes.size())};
  for (uint32_t size : sizes)
    for (int shift : {24, 16, 8, 0}) out.push_back(static_cast<uint8_t>(size >> shift));
  out.insert(out.end(), elements.begin(), elements.end());
  return out;
}

void write_gzip(const std::string& path, const Bytes& bytes) {
  gzFile file = gzopen(path.c_str(), "wb");
  REQUIRE(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())) == static_cast<int>(bytes.size()));
  REQUIRE(gzclose(file) == Z_OK);
}

std::string bad_reason(const Dataset& set, int64_t i) {
  try {
    set.load(i);
  } catch (const BadImage& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("idx: the MNIST family, plain and gzipped") {
  const TempDir dir;
  Bytes pixels(3 * 4 * 5);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i * 3);
  write_file(dir / "train-images-idx3-ubyte", idx({3, 4, 5}, pixels));
  write_file(dir / "train-labels-idx1-ubyte", idx({3}, {2, 0, 6}));
  write_gzip(dir / "t10k-images-idx3-ubyte.gz", idx({3, 4, 5}, pixels));
  const std::string root = R"("type": "idx", "data_root": )" + quoted(dir.path());

  const auto train = make("{" + root + "}");
  CHECK(train->size() == 3);
  CHECK(train->channels() == 1);
  CHECK(train->image_shape() == ImageShape{4, 5, 1});
  CHECK(train->has_labels());
  CHECK(train->class_count() == 7);
  CHECK(train->label(2) == 6);
  CHECK(train->load(1).pixels == Bytes(pixels.begin() + 20, pixels.begin() + 40));
  CHECK_THAT(train->describe(1), Contains("train-images-idx3-ubyte[1]"));

  const auto test = make("{" + root + R"(, "split": "test"})");
  CHECK(test->load(2).pixels == train->load(2).pixels);
  CHECK_FALSE(test->has_labels());
  CHECK(test->label(0) == -1);

  const auto files =
      make("{" + root + R"(, "images": "t10k-images-idx3-ubyte.gz", "labels": "train-labels-idx1-ubyte"})");
  CHECK(files->label(0) == 2);

  const Subset subset(*train, {2, 0});
  CHECK(subset.size() == 2);
  CHECK(subset.label(0) == 6);
  CHECK(subset.load(1).pixels == train->load(0).pixels);
}

TEST_CASE("idx: what does not hold what it promises is refused") {
  const TempDir dir;
  const auto refusal = [&](const Bytes& bytes) {
    write_file(dir / "x", bytes);
    return data_error(R"({"type": "idx", "images": )" + quoted(dir / "x") + "}");
  };
  CHECK_THAT(refusal({}), Contains("not an idx file"));
  CHECK_THAT(refusal({0, 0, 8}), Contains("not an idx file"));
  CHECK_THAT(refusal({0, 0, 13, 3, 0, 0}), Contains("0x0d"));
  CHECK_THAT(refusal({0, 0, 8, 3, 0, 0}), Contains("header ends"));
  CHECK_THAT(refusal(idx({3, 4, 5}, Bytes(59))), Contains("60 elements") && Contains("59"));
  CHECK_THAT(refusal(idx({3, 4, 5}, Bytes(61))), Contains("61"));
  CHECK_THAT(refusal(idx({0xffffffff, 0xffffffff, 0xffffffff}, Bytes(4))), Contains("holds 4"));
  CHECK_THAT(refusal(idx({3}, Bytes(3))), Contains("dimensions"));
  CHECK_THAT(refusal(idx({0, 4, 5}, {})), Contains("no images"));
  CHECK_THAT(refusal(idx({1, 2, 2, 2}, Bytes(8))), Contains("channels"));

  const Bytes whole = idx({2, 2, 2}, Bytes(8, 1));
  write_gzip(dir / "whole.gz", whole);
  std::vector<uint8_t> packed;
  read_regular_file(dir / "whole.gz", 1 << 20, packed);
  CHECK_THAT(refusal(Bytes(packed.begin(), packed.end() - 9)), Contains("too early"));
  SECTION("gzip of several members, and one that promises more than it can hold") {
    write_gzip(dir / "head.gz", Bytes(whole.begin(), whole.begin() + 19));
    write_gzip(dir / "tail.gz", Bytes(whole.begin() + 19, whole.end()));
    Bytes members, tail;
    read_regular_file(dir / "head.gz", 1 << 20, members);
    read_regular_file(dir / "tail.gz", 1 << 20, tail);
    members.insert(members.end(), tail.begin(), tail.end());
    write_file(dir / "members.gz", members);
    const auto set = make(R"({"type": "idx", "images": )" + quoted(dir / "members.gz") + "}");
    CHECK(set->load(1).pixels == Bytes(4, 1));
    write_gzip(dir / "large.gz", idx({200000, 100, 100}, {1, 2, 3}));
    read_regular_file(dir / "large.gz", 1 << 20, members);
    CHECK_THAT(refusal(members), Contains("2000000000 elements (200000 x 100 x 100)") && Contains("bytes, packed"));
  }
  packed[12] ^= 0xff;
  CHECK_THAT(refusal(packed), Contains("gzip") || Contains("idx"));
  CHECK_THAT(data_error(R"({"type": "idx", "images": "/no/such/file"})"), Contains("/no/such/file"));
  CHECK_THAT(data_error(R"({"type": "idx", "data_root": )" + quoted(dir.path()) + "}"), Contains("train-images"));
  write_file(dir / "images", idx({2, 1, 1}, Bytes(2)));
  write_file(dir / "labels", idx({3}, Bytes(3)));
  CHECK_THAT(
      data_error(R"({"type": "idx", "images": "images", "labels": "labels", "data_root": )" + quoted(dir.path()) + "}"),
      Contains("3 labels for the 2 images"));
}

TEST_CASE("idx: memory is taken for what the header promises, and for no more than the file can hold") {
  const TempDir dir;
  // 16 MiB of zeros in 16 KiB: read to the size that the header names, whatever follows.
  const std::string spec = R"({"type": "idx", "images": )" + quoted(dir / "x.gz") + "}";
  write_gzip(dir / "x.gz", idx({2, 2, 2}, Bytes(16 << 20)));
  CHECK_THAT(data_error(spec), Contains("8 elements") && Contains("holds more"));
  write_gzip(dir / "x.gz", idx({100000, 200, 100}, Bytes(100)));
  CHECK_THAT(data_error(spec), Contains("2000000000 elements") && Contains("bytes, packed"));
  write_gzip(dir / "x.gz", idx({0xffffffff, 0xffff, 0xffff}, Bytes(100)));
  CHECK_THAT(data_error(spec), Contains("bytes, packed"));
  // All members count.
  Bytes whole = idx({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8}), both, part;
  for (const auto& [begin, end] : {std::pair{0, 18}, {18, 24}}) {
    write_gzip(dir / "part.gz", Bytes(whole.begin() + begin, whole.begin() + end));
    read_regular_file(dir / "part.gz", 1 << 20, part);
    both.insert(both.end(), part.begin(), part.end());
  }
  write_file(dir / "x.gz", both);
  CHECK(make(spec)->load(1).pixels == Bytes{5, 6, 7, 8});
}

TEST_CASE("image_folder: any nesting, one key") {
  const TempDir dir;
  const Bytes picture = png(gradient(6, 8, 3));
  for (const char* name : {"b.png", "a/z.JPG", "a/B/c/deep.jpeg", "a/.hidden.png", ".git/x.png", "notes.txt", "png"})
    write_file(dir / name, picture);
  fs::create_directory_symlink(dir.path(), dir / "a/loop");  // a circle
  const auto set = make(R"({"data_root": )" + quoted(dir.path()) + "}");
  REQUIRE(set->size() == 3);
  CHECK(set->describe(0) == dir / "a/B/c/deep.jpeg");
  CHECK(set->describe(1) == dir / "a/z.JPG");
  CHECK(set->describe(2) == dir / "b.png");
  CHECK_FALSE(set->has_labels());
  CHECK(set->load(1).pixels == gradient(6, 8, 3).pixels);  // by content, not by name
  CHECK(set->channels() == 3);
  const auto grey = make(R"({"data_root": )" + quoted(dir.path()) + R"(, "channels": 1})");
  CHECK(grey->load(0).channels == 1);
}

TEST_CASE("image_folder: no picture is lost because of its ending") {
  const TempDir dir;
  const Bytes picture = png(gradient(6, 8, 3));
  const std::vector<std::string> endings = {"jpg", "jpeg", "jpe",   "JFIF", "png", "WebP", "tif", "TIFF",
                                            "gif", "avif", "avifs", "bmp",  "ppm", "pgm",  "pbm", "pnm"};
  for (const std::string& ending : endings) write_file(dir / ("good." + ending), picture);
  const std::vector<std::pair<std::string, std::string>> unreadable = {
      {"heic", std::string("\0\0\0\x18"
                           "ftypheic",
                           12)},
      {"HEIF", std::string("\0\0\0\x18"
                           "ftypmif1",
                           12)},
      {"jxl", "\xFF\x0A"},
      {"jp2", std::string("\0\0\0\x0CjP  \r\n\x87\n", 12)}};
  for (const auto& [ending, magic] : unreadable) write_text(dir / "other." + ending, magic);
  write_file(dir / ".hidden", picture);
  const std::string spec = R"({"data_root": )" + quoted(dir.path()) + "}";
  const auto opened = [&] {
    const bridge::testing::CapturedLog log;
    const auto set = make(spec);
    int64_t good = 0;
    for (int64_t i = 0; i < set->size(); ++i) {
      const std::string reason = bad_reason(*set, i);
      good += reason.empty();
      INFO(set->describe(i) << ": " << reason);
      CHECK((reason.empty() || reason.find(" is not supported; JPEG, PNG, WebP, ") != std::string::npos));
      CHECK(set->looks_foreign(i) == !reason.empty());
      CHECK(set->refusal(i) == reason);
    }
    CHECK(good == static_cast<int64_t>(endings.size()));
    CHECK(set->size() == static_cast<int64_t>(endings.size() + unreadable.size()));
    return log.text();
  };
  CHECK(opened().empty());
  write_file(dir / "b/no ending", picture);
  CHECK_THAT(opened(), Contains("left out 1 file without an image's ending (first: b/no ending)"));
  for (const char* name : {"c.txt", "b/a.jpg.part", "d."}) write_file(dir / name, picture);
  CHECK_THAT(opened(), Contains("left out 4 files without an image's ending (first: b/a.jpg.part)"));

  const TempDir none;
  write_file(none / "picture.part", picture);
  CHECK_THAT(data_error(R"({"data_root": )" + quoted(none.path()) + "}"),
             Contains("holds no image") && Contains(".jfif") &&
                 Contains("1 file without an image's ending (first: picture.part)"));
}

TEST_CASE("image_folder: sub-folders are classes when every image is in one of two or more") {
  const TempDir dir;
  const Bytes picture = png(gradient(6, 8, 3));
  const std::string spec = R"("data_root": )" + quoted(dir.path());
  write_file(dir / "zebra/1.png", picture);
  write_file(dir / "zebra/more/2.png", picture);
  CHECK_FALSE(make("{" + spec + "}")->has_labels());
  CHECK_THAT(data_error("{" + spec + R"(, "with_label": true})"), Contains("with_label"));
  write_file(dir / "Zebra/1.png", picture);
  write_file(dir / "\xc3\xa4/1.png", picture);
  const auto set = make(R"({"type": "ImageNet", "ann_file": "", )" + spec + "}");
  REQUIRE(set->has_labels());
  CHECK(set->class_count() == 3);
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < set->size(); ++i) labels.push_back(set->label(i));
  CHECK(labels == std::vector<int64_t>{0, 1, 1, 2});  // Zebra, zebra, ä: by bytes
  CHECK_FALSE(make("{" + spec + R"(, "with_label": false})")->has_labels());
  write_file(dir / "stray.png", picture);
  CHECK_FALSE(make("{" + spec + "}")->has_labels());
}

TEST_CASE("image_list: path, or path and label") {
  const TempDir dir;
  const Bytes picture = png(gradient(6, 8, 3));
  for (const char* name : {"train/a.png", "train/with blank.png", "train/c 7"}) write_file(dir / name, picture);
  write_text(dir / "meta/train.txt",
             "a.png 4\r\n\n  with blank.png\t2  \nwith blank.png\nmissing.png -1\na.png 99999999999");
  const std::string spec =
      R"("data_root": )" + quoted(dir.path()) + R"(, "ann_file": "meta/train.txt", "data_prefix": )";
  for (const std::string& text : {R"({"type": "image_list", )" + spec + R"("train/"})",
                                  R"({"type": "mmcls.ImageNet", )" + spec + R"({"img_path": "train"}})"}) {
    const auto set = make(text);
    REQUIRE(set->size() == 5);
    CHECK(set->class_count() == 5);
    CHECK(set->label(0) == 4);
    CHECK(set->label(1) == 2);
    CHECK(set->label(2) == -1);
    CHECK(set->label(3) == -1);
    CHECK(set->describe(1) == dir / "train/with blank.png");
    CHECK(bad_reason(*set, 0).empty());
    CHECK(bad_reason(*set, 1).empty());
    CHECK_THAT(bad_reason(*set, 3), Contains("No such file"));
    CHECK_THAT(bad_reason(*set, 4), Contains("No such file"));  // no 32-bit number: part of the name
  }
  write_text(dir / "marked.txt", "\xEF\xBB\xBFtrain/a.png 1\r\ntrain/with blank.png 0\r\n");  // as Windows writes it
  const auto marked =
      make(R"({"type": "image_list", "data_root": )" + quoted(dir.path()) + R"(, "ann_file": "marked.txt"})");
  REQUIRE(marked->size() == 2);
  CHECK(bad_reason(*marked, 0).empty());
  CHECK(marked->label(0) == 1);
  write_text(dir / "wide.txt", std::string("\xFF\xFE"
                                           "a\0.\0p\0n\0g\0",
                                           12));
  CHECK_THAT(data_error(R"({"type": "image_list", "ann_file": )" + quoted(dir / "wide.txt") + "}"), Contains("UTF-16"));
  write_text(dir / "plain.txt", dir / "train/a.png");
  CHECK_FALSE(make(R"({"type": "ImageList", "ann_file": )" + quoted(dir / "plain.txt") + "}")->has_labels());
}

TEST_CASE("paths that are not there") {
  const TempDir dir;
  CHECK_THAT(data_error(R"({"data_root": "/no/such/folder"})"), Contains("/no/such/folder"));
  CHECK_THAT(data_error(R"({"data_root": )" + quoted(dir.path()) + "}"),
             Contains("holds no image") && !Contains("without"));
  write_text(dir / "list", "a.png\n");
  write_text(dir / "empty", "\n");
  CHECK_THAT(data_error(R"({"data_root": )" + quoted(dir / "list") + "}"), Contains("not a folder"));
  CHECK_THAT(data_error(R"({"type": "image_list", "ann_file": "/no/list"})"), Contains("/no/list"));
  CHECK_THAT(data_error(R"({"type": "image_list", "ann_file": )" + quoted(dir / "empty") + "}"), Contains("empty"));
  CHECK_THAT(
      data_error(R"({"type": "image_list", "data_prefix": "/no/prefix", "ann_file": )" + quoted(dir / "list") + "}"),
      Contains("/no/prefix"));
  CHECK_THROWS_WITH(make(R"({"type": "nothing"})"), Contains("nothing") && Contains("image_folder"));
  CHECK_THROWS_WITH(make(R"({"type": "shapes", "size": 0, "image_size": 32})"), Contains("size"));
}

TEST_CASE("files that are no files are told, and never waited for") {
  const TempDir dir;
  REQUIRE(mkfifo((dir / "fifo.png").c_str(), 0600) == 0);
  fs::create_directories(dir / "folder");
  fs::create_symlink("nowhere", dir / "link.png");
  write_file(dir / "good.png", png(gradient(6, 8, 3)));
  write_file(dir / "zero.png", {});
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof(address.sun_path), "%s", (dir / "socket.png").c_str());
  REQUIRE(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  const auto set = make(R"({"data_root": )" + quoted(dir.path()) + "}");
  REQUIRE(set->size() == 5);
  CHECK_THAT(bad_reason(*set, 0), Contains("FIFO"));
  CHECK(bad_reason(*set, 1).empty());
  CHECK_THAT(bad_reason(*set, 2), Contains("No such file"));
  CHECK_THAT(bad_reason(*set, 3), Contains("socket"));
  CHECK_THAT(bad_reason(*set, 4), Contains("empty"));
  close(listener);

  REQUIRE(mkfifo((dir / "train-images-idx3-ubyte").c_str(), 0600) == 0);
  const std::string idx = R"({"type": "idx", "data_root": )" + quoted(dir.path()) + "}";
  CHECK(stated_shape(parse_json(idx, "test.json", "test")) == ImageShape{0, 0, 0});
  CHECK_THAT(data_error(idx), Contains("FIFO"));

  std::vector<uint8_t> bytes;
  CHECK_THROWS_WITH(read_regular_file(dir / "folder", 100, bytes), Contains("directory"));
  CHECK_THROWS_WITH(read_regular_file("/dev/zero", 100, bytes), Contains("device"));
  CHECK_THROWS_WITH(read_regular_file(dir / "good.png", 10, bytes), Contains("more than the 10"));
}

TEST_CASE("a file that may not be read is bad, not fatal") {
  const TempDir dir;
  write_file(dir / "a.png", png(gradient(6, 8, 3)));
  REQUIRE(chmod((dir / "a.png").c_str(), 0) == 0);
  const auto set = make(R"({"data_root": )" + quoted(dir.path()) + "}");
  REQUIRE(chmod(dir.path().c_str(), 0755) == 0);
  const int result = in_child([&] {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return 2;
    return bad_reason(*set, 0).find("Permission denied") != std::string::npos ? 0 : 1;
  });
  CHECK(result == 0);
}

TEST_CASE("a machine without descriptors is no bad picture") {
  const TempDir dir;
  write_file(dir / "a.png", png(gradient(6, 8, 3)));
  write_file(dir / "train-images-idx3-ubyte", idx({1, 2, 2}, {1, 2, 3, 4}));
  const auto set = make(R"({"data_root": )" + quoted(dir.path()) + "}");
  const auto data_error_of = [](const auto& work) -> std::string {
    try {
      work();
    } catch (const Error& e) {
      return e.exit() == Exit::data ? e.what() : "another exit";
    } catch (const BadImage& e) {
      return "bad image";
    }
    return "no error";
  };
  rlimit before;
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit none = before;
  none.rlim_cur = 0;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  const std::string picture = data_error_of([&] { set->load(0); });
  const std::string file = data_error_of([&] { make(R"({"type": "idx", "data_root": )" + quoted(dir.path()) + "}"); });
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK_THAT(picture, Contains("Too many open files"));
  CHECK_THAT(file, Contains("train-images-idx3-ubyte") && Contains("Too many open files"));
  CHECK(bad_reason(*set, 0).empty());
}

TEST_CASE("names of any bytes are read, and printed in one line of UTF-8") {
  const TempDir dir;
  const Bytes picture = png(gradient(6, 8, 3));
  for (const char* name : {"new\nline.png", "tab\t\x01.png", "latin1-\xe4.png", "back\\slash.png", "utf8-\xc3\xa4.png",
                           "\xed\xa0\x80.png"})
    write_file(dir / name, picture);
  const auto set = make(R"({"data_root": )" + quoted(dir.path()) + "}");
  REQUIRE(set->size() == 6);
  std::vector<std::string> names;
  for (int64_t i = 0; i < 6; ++i) {
    CHECK(bad_reason(*set, i).empty());
    names.push_back(set->describe(i).substr(dir.path().size() + 1));
  }
  CHECK(names == std::vector<std::string>{"back\\\\slash.png", "latin1-\\xe4.png", "new\\nline.png", "tab\\t\\x01.png",
                                          "utf8-\xc3\xa4.png", "\\xed\\xa0\\x80.png"});
}

}  // namespace selfsup::data
