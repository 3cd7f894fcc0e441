// Who looks on at what comes into the control plane: the recorder (controlplane/record), or nobody.
//
// Every function of ControlPlane that changes something tells its argument here first, and
// handled() when it is done. What is left out here is missing in every recording, so a new one
// belongs here.
//
// Control thread only.
#pragma once

#include <string>

#include "controlplane/config/config.h"
#include "controlplane/event/event.h"
#include "controlplane/services/announced_services.h"

namespace lastmile {

class InputLog {
 public:
  virtual ~InputLog() = default;

  virtual void started(TimePoint now) = 0;
  virtual void event(const Event& event) = 0;
  /// Another configuration is taken up, or the same with other neighbors drained.
  virtual void applied(const Config& wanted, TimePoint now) = 0;
  /// The operator's word about a service.
  virtual void service(const std::string& name, ServiceOverride wanted, TimePoint now) = 0;
  virtual void stopped(const std::string& reason, TimePoint now) = 0;
  /// What was told last has been dealt with.
  virtual void handled() = 0;
};

}  // namespace lastmile
