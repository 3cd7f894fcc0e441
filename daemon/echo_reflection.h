// NICs that can turn a neighbor's BFD echo round by themselves have to know its MAC address, and
// which addresses are ours.
#pragma once

#include "controlplane/config/config.h"
#include "controlplane/control_plane.h"
#include "controlplane/io/kernel_neighborhood.h"
#include "daemon/devices.h"

namespace lastmile {

/// Tells the port's NIC what is known now; to be called when the port's neighbors have changed.
/// Nothing for a NIC that can't. Control thread.
void reflect_echo(const OpenPort& port, const Config& config, const ControlPlane& control,
                  const KernelNeighborhood& neighborhood);

}  // namespace lastmile
