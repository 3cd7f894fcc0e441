#include "controlplane/config/reference.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "controlplane/config/json_schema.h"
#include "controlplane/config/schema.h"

namespace lastmile {
namespace {

std::string read_file(const std::string& name) {
  std::ifstream file{std::string{LASTMILE_SOURCE_ROOT} + '/' + name};
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Reference, TheCommittedOneIsCurrent) {
  EXPECT_TRUE(read_file("docs/configuration.md") == config_reference_markdown())
      << "docs/configuration.md is out of date; run: ninja -C build configuration-reference";
}

TEST(Reference, TheCommittedSchemaIsCurrent) {
  EXPECT_TRUE(read_file("conf/lastmile.schema.json") == config_json_schema())
      << "conf/lastmile.schema.json is out of date; run: ninja -C build configuration-reference";
}

void expect_described(const std::vector<config::Key>& keys) {
  const std::string markdown = config_reference_markdown();
  const std::string text = config_reference_text();
  for (const config::Key& key : keys) {
    EXPECT_FALSE(key.help.empty()) << key.name;
    EXPECT_NE(markdown.find('`' + key.name + '`'), std::string::npos) << key.name;
    EXPECT_NE(text.find(key.name + ':'), std::string::npos) << key.name;
    expect_described(key.keys);
  }
}

TEST(Reference, DescribesEveryKey) {
  expect_described(config::schema());
}

TEST(Reference, FitsATerminal) {
  std::istringstream text{config_reference_text()};
  for (std::string line; std::getline(text, line);) {
    EXPECT_LE(line.size(), 80U) << line;
    EXPECT_FALSE(line.ends_with(' ')) << line;
  }
}

}  // namespace
}  // namespace lastmile
