#include "controlplane/config/checks.h"

#include "controlplane/config/checks_by_subject.h"

namespace lastmile::config {

void complete_and_check(Config& config, Reader& reader) {
  if (reader.failed("")) return;  // the file is no section: there is nothing to check
  check_addresses(config, reader);
  check_services(config, reader);
  check_router(config, reader);
  check_ports(config, reader);
  check_routes(config, reader);
  check_bfd(config, reader);
  check_bgp(config, reader);
  complete_sides(config, reader);
  check_announcements(config, reader);
  check_dataplane(config, reader);
  complete_host(config, reader);
}

}  // namespace lastmile::config
