// The journal's entries for systemd's, with fields, so that `journalctl` finds them by kind and
// subject:
//
//   journalctl -u lastmile LASTMILE_EVENT=detection
//   journalctl -u lastmile LASTMILE_SUBJECT=up1 -o json
//
// Fields: MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, LASTMILE_EVENT (the kind), LASTMILE_SUBJECT and
// LASTMILE_AGO_US, how long before this entry it happened. One datagram for each entry, in
// journald's own protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL); what can't be sent is lost, since
// nobody waits for a log.
#pragma once

#include <string>

#include "controlplane/journal/journal.h"
#include "dataplane/net/file_descriptor.h"

namespace lastmile {

/// Control thread only.
class EventLog {
 public:
  static constexpr const char* kJournald = "/run/systemd/journal/socket";
  explicit EventLog(std::string socket = kJournald);

  /// What the forwarding tables catch up with is left out: at a table's change it would be a line
  /// a second.
  void write(const JournalEntry& entry, TimePoint now) const;

 private:
  std::string socket_;
  FileDescriptor descriptor_;
};

}  // namespace lastmile
