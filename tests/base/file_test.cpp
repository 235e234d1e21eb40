#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "base/hash.h"

using namespace selfsup;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path = fs::temp_directory_path() / ("selfsup-file-" + std::to_string(::getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  std::string operator/(const char* name) const { return (path / name).string(); }
};

int error_of(const std::string& path) {
  try {
    RegularFile file(path);
  } catch (const FileError& error) {
    return error.error();
  }
  return -1;
}

}  // namespace

TEST_CASE("only regular files are opened, and none is waited for") {
  const Folder folder;
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  CHECK_THROWS_WITH(RegularFile(folder / "fifo"), Contains("a FIFO, not a regular file"));
  CHECK_THROWS_WITH(RegularFile(folder.path.string()), Contains("a directory, not"));
  CHECK_THROWS_WITH(RegularFile("/dev/null"), Contains("a device, not"));
  CHECK_THROWS_WITH(RegularFile(std::string("a\0b", 3)), Contains("a NUL in the path"));
  CHECK_THROWS_WITH(RegularFile(folder / "none"), Contains("cannot be opened: No such file"));
  CHECK(error_of(folder / "none") == ENOENT);
  CHECK(error_of(folder / "fifo") == 0);
}

TEST_CASE("a file is read whole, from anywhere, and hashed, whatever its length") {
  const Folder folder;
  for (const size_t size : {size_t{0}, size_t{1}, (size_t{1} << 20) - 1, size_t{1} << 20, (size_t{2} << 20) + 5}) {
    CAPTURE(size);
    std::string bytes(size, '\0');
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 / 7);
    std::ofstream(folder / "file", std::ios::binary) << bytes;
    const RegularFile file(folder / "file");
    CHECK(file.size() == size);
    CHECK(file.read_all(size) == bytes);
    CHECK(file.sha256() == sha256_hex(bytes.data(), bytes.size()));
    char end[8];
    CHECK(file.read(size, end, sizeof end) == 0);
    if (size == 0) continue;
    CHECK(file.read(size - 1, end, sizeof end) == 1);
    CHECK_THROWS_WITH(file.read_all(size - 1), Contains("bytes, found " + std::to_string(size)));
  }
  RegularFile shrunk(folder / "file");
  fs::resize_file(folder / "file", 3);
  CHECK(shrunk.read_all(UINT64_MAX).size() == 3);
}

TEST_CASE("a descriptor has one owner") {
  int kept = -1;
  {
    Fd first(::open("/dev/null", O_RDONLY | O_CLOEXEC)), second(std::move(first));
    CHECK_FALSE(first);
    kept = second.get();
    REQUIRE(second);
    second = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    CHECK(::fcntl(kept, F_GETFD) == -1);  // closed by the assignment
    kept = second.get();
  }
  CHECK(::fcntl(kept, F_GETFD) == -1);
}
