#include "daemon/router.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <random>
#include <system_error>
#include <utility>

#include <rte_cycles.h>

#include "controlplane/capture/captures.h"
#include "controlplane/checks/check_runner.h"
#include "controlplane/control/capture_command.h"
#include "controlplane/control/command_table.h"
#include "controlplane/control/control_server.h"
#include "controlplane/control/doctor_command.h"
#include "controlplane/control/drain_command.h"
#include "controlplane/control/event_command.h"
#include "controlplane/control/policy_command.h"
#include "controlplane/control/respond.h"
#include "controlplane/control/service_command.h"
#include "controlplane/control/trace_command.h"
#include "controlplane/control_plane.h"
#include "controlplane/io/asio_timers.h"
#include "controlplane/io/asio_transport.h"
#include "controlplane/io/event_loop.h"
#include "controlplane/io/kernel_neighborhood.h"
#include "controlplane/journal/event_log.h"
#include "controlplane/record/dump.h"
#include "controlplane/record/recorder.h"
#include "controlplane/rib/fib_client_plane.h"
#include "controlplane/telemetry/metrics_server.h"
#include "controlplane/telemetry/router_metrics.h"
#include "daemon/devices.h"
#include "daemon/doctor_facts.h"
#include "daemon/dpdk_telemetry.h"
#include "daemon/drain_wiring.h"
#include "daemon/echo_reflection.h"
#include "daemon/flow_tracing.h"
#include "daemon/forwarding.h"
#include "daemon/link_monitor.h"
#include "daemon/port_exchange.h"
#include "daemon/privileges_wiring.h"
#include "daemon/reload.h"
#include "daemon/service_manager.h"
#include "daemon/show.h"
#include "daemon/sign_of_life.h"
#include "daemon/thread_watch.h"
#include "dataplane/capture/capture_tap.h"
#include "dataplane/net/format.h"
#include "dataplane/pipeline/bfd_stage.h"
#include "logging/log.h"
#include "logging/setup.h"
#include "logging/told.h"

namespace lastmile {
namespace {

using std::chrono::milliseconds;

// How long peers may take to hear that we go.
constexpr Duration kFarewell = milliseconds{1000};
constexpr Duration kFarewellStep = milliseconds{10};

constexpr TimerKey kSignOfLife{TimerKind::kSignOfLife, 0};

std::vector<PortTwin> transport_twins(const Devices& devices) {
  std::vector<PortTwin> twins;
  for (const OpenPort& port : devices.ports()) {
    twins.push_back({port.id, port.twin->interface_name()});
  }
  return twins;
}

std::vector<KernelNeighborhood::Twin> neighborhood_twins(const Devices& devices) {
  std::vector<KernelNeighborhood::Twin> twins;
  for (const OpenPort& port : devices.ports()) {
    twins.push_back({port.id, port.twin->interface_name(), port.facts().mac});
  }
  return twins;
}

std::vector<ControlPlane::Port> control_ports(const Devices& devices) {
  std::vector<ControlPlane::Port> ports;
  for (const OpenPort& port : devices.ports()) ports.push_back({port.id, port.facts().mac});
  return ports;
}

}  // namespace

// Members go in reverse order: first what delivers events, then what handles them, then the
// threads, last the devices.
struct Router::Parts {
  Parts(Config c, std::unique_ptr<Devices> d)
      : config(std::move(c)),
        devices(std::move(d)),
        forwarding(config, *devices),
        life(config.control.socket + ".alive"),
        plane(forwarding.client()),
        timers(loop),
        worker_clock(rte_get_tsc_hz()),
        checks([this](ServiceChecked result) {
          loop.post([this, ended = std::move(result)] { loop.deliver(ended); });
        }) {}
  ~Parts();

  Config config;
  std::unique_ptr<Devices> devices;
  Forwarding forwarding;
  SignOfLife life;
  rib::FibClientPlane plane;
  EventLoop loop;
  AsioTimers timers;
  ServiceManager manager;
  const CycleClock worker_clock;
  Journal journal;
  std::optional<EventLog> event_log;  ///< where there is systemd's journal
  CheckRunner checks;
  std::optional<AsioTransport> transport;
  std::optional<KernelNeighborhood> neighborhood;
  std::unique_ptr<record::Recorder> recorder;  ///< or none
  std::optional<ControlPlane> control;
  std::optional<DrainWiring> drain_wiring;
  std::optional<Drain> drain;
  std::unique_ptr<LinkMonitor> links;
  std::unique_ptr<PortExchange> exchange;
  std::optional<Show> show;
  std::optional<FlowTracing> tracing;
  std::optional<Captures> captures;
  CommandTable commands;
  std::unique_ptr<ControlServer> server;
  std::unique_ptr<MetricsServer> metrics;
  std::optional<DpdkTelemetry> dpdk_telemetry;
  std::optional<ThreadWatch> threads;

  tl::expected<void, std::string> wire(const Options& options);
  tl::expected<void, std::string> make_control(const Options& options);
  void handle(const Event& event);
  void answer(const CommandReceived& command);
  tl::expected<void, std::string> serve_metrics();
  CommandResult reload(const std::string& path);
  void give_sign_of_life();
  [[nodiscard]] TimePoint now() const { return loop.now(); }
  void add_commands();
  [[nodiscard]] Captures::Outside captures_outside();
  void deliver(const WorkerEvent& event);
  void watch_data_plane();
  void watch_neighborhood();
};

Router::Parts::~Parts() {
  // What is still on its way must not find half a router.
  loop.set_handler([](Event&&) {});
  if (!neighborhood) return;
  for (const int fd : neighborhood->descriptors()) loop.unwatch(fd);
}

tl::expected<void, std::string> Router::Parts::wire(const Options& options) {
  if (log::goes_to_systemd()) {
    event_log.emplace();
    journal.observe([this](const JournalEntry& entry) { event_log->write(entry, now()); });
  }
  transport.emplace(loop, transport_twins(*devices));
  if (config.bgp.enabled) {
    if (auto listening = transport->listen_everywhere(options.bgp_port); !listening) {
      return listening;
    }
  }
  auto opened = KernelNeighborhood::open(
      neighborhood_twins(*devices),
      [this](decltype(Event::what) what) { loop.deliver(std::move(what)); });
  if (!opened) return tl::unexpected(opened.error());
  neighborhood.emplace(std::move(*opened));

  if (auto made = make_control(options); !made) return made;
  drain_wiring.emplace(
      DrainWiring::Parts{config, forwarding, *control, journal,
                         [this](TimePoint at) { control->apply(drain->lay_over(config), at); }});
  drain.emplace(config, *drain_wiring, timers);
  auto monitor = LinkMonitor::start(loop, *devices);
  if (!monitor) return tl::unexpected(monitor.error().message);
  links = std::move(*monitor);
  auto exchanging = PortExchange::start({loop, *devices, forwarding, *links, journal});
  if (!exchanging) return tl::unexpected(exchanging.error().message);
  exchange = std::move(*exchanging);

  threads.emplace(ThreadWatch::Outside{loop, forwarding, journal, manager});
  show.emplace(Show::Sources{config, options.config_path, *devices, forwarding, *control, *links,
                             *neighborhood, loop.slices(), *threads});
  tracing.emplace(FlowTracing::Sources{config, *devices, forwarding, *control});
  add_commands();
  commands.add({"reload",
                "reads the configuration again and takes up what differs",
                {},
                [this, path = options.config_path](const Json&) { return reload(path); }});
  ControlServer::Options socket;
  socket.socket = config.control.socket;
  socket.group = config.control.group;
  socket.read_group = config.control.read_group;
  auto listening =
      ControlServer::open(loop.context(), socket, [this](const Event& event) { handle(event); });
  if (!listening) return tl::unexpected(listening.error());
  server = std::move(*listening);
  if (auto serving = serve_metrics(); !serving) return serving;
  dpdk_telemetry.emplace(DpdkTelemetry::Outside{
      [this](std::function<void()> function) { loop.post(std::move(function)); },
      [this](const std::string& request) {
        std::string text;
        loop.slices().measure("DPDK telemetry", [&] { text = commands.dispatch(request); });
        return text;
      }});

  loop.set_handler([this](Event&& event) { handle(event); });
  loop.on_signal([this](int signal) {
    log::info("signal {}: ending all sessions", signal);
    loop.stop();
  });
  // All is open, and nothing from outside has been looked at yet.
  if (auto left = leave_root(config, options.config_path, *devices); !left) return left;
  if (auto started = forwarding.start(); !started) return started;
  watch_data_plane();
  watch_neighborhood();
  journal.record(loop.now(), JournalKind::kStart, "", "lastmiled " LASTMILE_VERSION " runs");
  control->start(loop.now());
  give_sign_of_life();
  if (auto seen = links->refresh(); !seen) return tl::unexpected(seen.error().message);
  neighborhood->refresh();
  threads->start();
  return {};
}

void Router::Parts::add_commands() {
  const auto clock = [this] { return now(); };
  add_show_commands(commands, *show);
  add_metrics_command(commands, *show);
  add_policy_commands(commands, config);
  add_event_commands(commands, journal, clock);
  add_privileges_command(commands);
  add_drain_commands(commands, *drain, clock);
  captures.emplace(captures_outside());
  add_capture_command(commands, [this](const CaptureRequest& request) {
    auto prepared = captures->prepare(request);
    if (prepared) {
      journal.record(now(), JournalKind::kCommand, request.of, "packets are captured");
    }
    return prepared;
  });
  add_trace_command(commands,
                    [this](const TraceRequest& request) { return tracing->trace(request); });
  add_doctor_command(commands, [this] {
    return doctor_facts({config, *devices, *control, *links, *neighborhood, *drain});
  });
  add_service_commands(commands, {clock, [this] { return control->services().services(); },
                                  [this](const std::string& name, ServiceOverride wanted) {
                                    return control->set_service(name, wanted, now());
                                  }});
}

Captures::Outside Router::Parts::captures_outside() {
  std::vector<Captures::Interface> interfaces;
  for (const PortConfig& port : config.ports) {
    interfaces.push_back({CaptureTap::of(port.id), port.name, port.device});
  }
  interfaces.push_back({kHostInterface, config.host.interface, "the machine's own programs"});
  return {.board = forwarding.captures(),
          .workers = config.dataplane.workers,
          .interfaces = std::move(interfaces),
          .cycles = rte_get_tsc_cycles,
          .cycles_per_second = rte_get_tsc_hz(),
          .application = "lastmiled " LASTMILE_VERSION};
}

tl::expected<void, std::string> Router::Parts::serve_metrics() {
  if (config.telemetry.listen.empty()) return {};
  const auto home = devices->at_home();
  if (!home) return tl::unexpected(home.error().message);
  MetricsServer::Options options;
  options.listen = config.telemetry.listen;
  options.group = config.control.group;
  auto serving = MetricsServer::open(loop.context(), options, [this](MetricsFormat format) {
    std::string text;
    loop.slices().measure("metrics", [&] { text = router_metrics(*show, format); });
    return text;
  });
  if (!serving) return tl::unexpected(serving.error());
  metrics = std::move(*serving);
  return {};
}

tl::expected<void, std::string> Router::Parts::make_control(const Options& options) {
  const std::vector<ControlPlane::Port> ports = control_ports(*devices);
  const ControlPlane::Beginning run{std::random_device{}(), life.found()};
  if (options.record.empty()) {
    control.emplace(
        config, ports, plane,
        ControlPlane::Outside{*transport, timers, *neighborhood, forwarding.bfd(), checks, journal},
        run);
    return {};
  }
  const record::Beginning beginning{"lastmiled " LASTMILE_VERSION, loop.now(), run, ports};
  auto made = record::Recorder::create(options.record, beginning, options.source);
  if (!made) return tl::unexpected(made.error());
  recorder = std::move(*made);
  control.emplace(config, ports, recorder->plane(plane),
                  ControlPlane::Outside{recorder->transport(*transport), timers, *neighborhood,
                                        forwarding.bfd(), checks, journal, recorder.get()},
                  run);
  recorder->handled();
  log::info("records this run in {}", options.record);
  return {};
}

/// {"applied": bool, "errors": ["FILE:LINE:COLUMN: …"]}. A file that is wrong, or needs a restart,
/// changes nothing.
CommandResult Router::Parts::reload(const std::string& path) {
  ConfigSource source;
  auto wanted = load_again(path, config, source);
  if (!wanted) return Json{{"applied", false}, {"errors", wanted.error()}};
  // Before what follows from it: the journal tells causes first.
  journal.record(loop.now(), JournalKind::kCommand, "", "the configuration is reloaded");
  if (recorder) recorder->config(source);
  control->apply(drain->lay_over(*wanted), loop.now());
  config = std::move(*wanted);
  drain->reloaded(loop.now());
  log::told("{}: reloaded", path);
  return Json{{"applied", true}, {"errors", Json::array()}};
}

void Router::Parts::handle(const Event& event) {
  if (const auto* command = std::get_if<CommandReceived>(&event.what)) {
    loop.slices().measure("command", [&] { answer(*command); });
    return;
  }
  const auto* expired = std::get_if<TimerExpired>(&event.what);
  if (expired != nullptr && expired->timer == kSignOfLife) return give_sign_of_life();
  if (expired != nullptr && expired->timer.kind == TimerKind::kDrain) {
    drain->timer_expired(event.at);
  } else {
    control->handle(event);
  }
  forwarding.bfd().flush();
  if (const auto* neighbor = std::get_if<LinkLayerNeighborChanged>(&event.what)) {
    reflect_echo(devices->ports()[neighbor->port.value()], config, *control, *neighborhood);
  }
}

void Router::Parts::answer(const CommandReceived& command) {
  CommandTable::Answer answer = commands.dispatch_or_stream(
      command.request,
      [&](std::string_view verb) { return server->refusal(command.command, verb); });
  if (auto* response = std::get_if<std::string>(&answer)) {
    return server->reply(command.command, std::move(*response));
  }
  if (FileDescriptor connection = server->give_away(command.command)) {
    std::get<TakeOver>(answer)(std::move(connection));
  }
}

/// Without a neighbor that would like to know of our restarts none is given.
void Router::Parts::give_sign_of_life() {
  const bool wanted = std::ranges::any_of(config.bgp.neighbors, [](const auto& neighbor) {
    return neighbor.graceful_restart.mode == GracefulRestartConfig::Mode::kRestarter;
  });
  wanted ? life.give() : life.end();
  timers.arm(kSignOfLife, SignOfLife::kEvery);
}

void Router::Parts::watch_data_plane() {
  loop.watch(forwarding.channel().event_fd(), [this] { loop.deliver(FibProgressed{}); });
  for (const auto& worker : forwarding.workers()) {
    loop.watch(worker->event_fd(), [this, &worker = *worker] {
      worker.drain_events([this](const WorkerEvent& event) { deliver(event); });
    });
  }
}

void Router::Parts::deliver(const WorkerEvent& event) {
  if (const auto* change = std::get_if<bfd::StateChanged>(&event)) {
    // From the worker's cycle clock to the control thread's.
    const auto ago = worker_clock.instant(rte_get_tsc_cycles()) - change->at;
    bfd::StateChanged seen = *change;
    seen.at = bfd::Instant{ControlClock::now().time_since_epoch() - ago};
    return loop.deliver(seen);
  }
  const auto& wanted = std::get<ResolutionRequest>(event);
  loop.deliver(ResolutionWanted{wanted.port, wanted.next_hop, wanted.destination});
}

void Router::Parts::watch_neighborhood() {
  for (const int fd : neighborhood->descriptors()) {
    loop.watch(fd, [this, fd] { neighborhood->read(fd); });
  }
}

Router::Router(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Router::~Router() = default;

tl::expected<std::unique_ptr<Router>, std::string> Router::build(Config config,
                                                                 const Options& options) {
  try {
    auto devices = Devices::open(config);
    if (!devices) return tl::unexpected(devices.error().message);
    auto parts = std::make_unique<Parts>(std::move(config), std::move(*devices));
    if (auto wired = parts->wire(options); !wired) return tl::unexpected(wired.error());
    return std::unique_ptr<Router>{new Router{std::move(parts)}};
  } catch (const std::system_error& error) {
    return tl::unexpected(std::string{"cannot start: "} + error.what());
  } catch (const std::bad_alloc&) {
    return tl::unexpected(
        std::string{"not enough memory; the forwarding tables take most of it: lower "
                    "dataplane.max-routes"});
  }
}

void Router::run() {
  Parts& parts = *parts_;
  log::info("router {} (AS {}) runs", parts.config.router.id, parts.config.router.asn.value());
  parts.manager.say("READY=1");
  parts.threads->tell();
  parts.loop.run();
  parts.manager.say("STOPPING=1");
  if (parts.recorder) {
    const TimePoint now = parts.loop.now();
    const std::string state = record::dump(*parts.control, parts.config, now);
    parts.recorder->checkpoint(record::hash_of(state), now);
  }
  parts.control->stop("router is stopping", parts.loop.now());
  for (Duration waited{0}; waited < kFarewell && !parts.transport->idle();
       waited += kFarewellStep) {
    parts.loop.run_for(kFarewellStep);
  }
  parts.life.end();
  log::info("stopped");
}

}  // namespace lastmile
