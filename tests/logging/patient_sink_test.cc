#include "logging/patient_sink.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spdlog/logger.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <csignal>
#include <memory>
#include <string>

namespace lastmile::log {
namespace {

/// A log whose reader reads when it is told to.
class PatientSinkTest : public testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);
    ASSERT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0);
    ASSERT_EQ(::fcntl(reader(), F_SETFL, O_NONBLOCK), 0);
    target_ = ::fdopen(ends_[1], "w");
    ASSERT_EQ(std::setvbuf(target_, nullptr, _IONBF, 0), 0);
    log_ = std::make_unique<spdlog::logger>("test", std::make_shared<PatientSink>(target_));
    log_->set_pattern("%l %v");
  }
  void TearDown() override {
    log_.reset();
    std::fclose(target_);
    if (reader() >= 0) ::close(reader());
  }
  [[nodiscard]] int& reader() { return ends_[0]; }
  std::string read() {
    std::string text;
    std::array<char, 4096> piece;
    for (ssize_t n; (n = ::read(reader(), piece.data(), piece.size())) > 0;) {
      text.append(piece.data(), static_cast<std::size_t>(n));
    }
    return text;
  }

  std::array<int, 2> ends_{-1, -1};
  std::FILE* target_ = nullptr;
  std::unique_ptr<spdlog::logger> log_;
};

TEST_F(PatientSinkTest, LinesArriveAsTheyAre) {
  log_->info("one");
  log_->warn("two");
  EXPECT_EQ(read(), "info one\nwarning two\n");
}

TEST_F(PatientSinkTest, AReaderThatStoppedCostsLinesAndNoTime) {
  constexpr int kLines = 3000;
  const std::string text(200, 'x');
  for (int i = 0; i < kLines; ++i) log_->info("{} {}", i, text);  // would wait here for ever
  const std::string kept = read();
  const auto count = std::count(kept.begin(), kept.end(), '\n');
  EXPECT_GT(count, 0);
  EXPECT_LT(count, kLines);
  EXPECT_EQ(kept.back(), '\n') << "no line is cut";
  log_->info("again");
  EXPECT_EQ(read(), "warning " + std::to_string(kLines - count) +
                        " lines of the log are lost: nobody read them\ninfo again\n");
}

TEST_F(PatientSinkTest, ALineThatAPipeWouldNotTakeInOnePieceIsCut) {
  log_->info(std::string(10 * PIPE_BUF, 'y'));
  const std::string kept = read();
  EXPECT_LE(kept.size(), std::size_t{PIPE_BUF});
  EXPECT_EQ(kept.back(), '\n');
}

TEST_F(PatientSinkTest, AReaderThatIsGoneIsNoError) {
  ::close(reader());
  reader() = -1;
  for (int i = 0; i < 10; ++i) log_->error("nobody hears it");
}

}  // namespace
}  // namespace lastmile::log
