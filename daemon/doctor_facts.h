// What the doctor is told of a running router, and of the machine that it runs on.
#pragma once

#include "controlplane/control_plane.h"
#include "controlplane/doctor/facts.h"
#include "controlplane/drain/drain.h"
#include "controlplane/io/kernel_neighborhood.h"
#include "daemon/devices.h"
#include "daemon/link_monitor.h"

namespace lastmile {

/// Control thread only.
struct DoctorSources {
  const Config& config;
  const Devices& devices;
  const ControlPlane& control;
  const LinkMonitor& links;
  const KernelNeighborhood& neighborhood;
  const Drain& drain;
};
[[nodiscard]] doctor::Facts doctor_facts(const DoctorSources& from);

}  // namespace lastmile
