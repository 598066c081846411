/// The configuration of the demonstration's pipeline: a file to look at, and to start from.
enum DemoConfiguration {
  /// The pipeline's name.
  static let pipeline = "demo"

  /// The YAML text. `httpPort` is on the loopback interface; tables go to `data` beside the file.
  static func text(brokers: String, httpPort: Int) -> String {
    """
    # The pipeline of one `downlinkd demo`. docs/CONFIG.md says what each key means; the fleet's
    # time runs much faster than the clock, and spans of event time are the fleet's.

    pipeline: \(pipeline)
    kafka:
      brokers: ["\(brokers)"]
      # A killed member is missed after this long: the demonstration's restarts wait for it.
      properties: {session.timeout.ms: 4000, heartbeat.interval.ms: 500}

    sources:
      - name: \(DemoPlan.source)
        topics: [\(DemoPlan.topic)]
        message: fleet.telemetry.v1.DeviceTelemetry
        device: device_id
        time: {field: time_unix_ms, unit: ms}
        sequence: sequence
        attributes: [region, firmware]
        metrics: all

    # Some satellites are heard once an orbit and then send what they stored: each has a clock of
    # its own, so that their readings are not late.
    event_time:
      out_of_orderness: \(duration(DemoPlan.outOfOrdernessMicros))
      allowed_lateness: 15m
      max_future_skew: 10m
      device_idle: 2h

    windows:
      - {name: 5m, size: 5m, slide: 1m, metrics: ["battery_*"]}

    detectors:
    \(detectors)

    storage:
      root: ./data
      commit: {interval: 1s}
      state_interval: 5s

    http: {listen: "127.0.0.1:\(httpPort)"}
    log: {format: json}

    """
  }

  /// What a fault of each kind is found by: `InjectedFault.Kind.detector` names them.
  private static var detectors: String {
    let warmUp = duration(DemoPlan.warmUpMicros)
    return """
      - name: battery-temperature
        metric: battery_temperature_c
        limits:
          warning: {above: 40}
          critical: {above: 55}
          clear_margin: 3
          readings: 2
      # Longer than the pause between two passes.
      - {name: radio-silence, silence: {after: \(duration(DemoPlan.silenceAfterMicros))}}
      # These learn what is usual for each satellite, minute by minute. A change below `min_change`
      # is nobody's business. Warm-up and half-life fit half a day; the defaults want weeks.
      - name: wheel-spike
        metric: wheel_speed_rpm
        spike: {half_life: 12h, warm_up: \(warmUp), min_change: 300}
      - name: voltage-jump
        metric: battery_voltage_v
        jump: {half_life: 12h, warm_up: \(warmUp), min_change: 0.5}
      - name: bus-power-shift
        metric: bus_power_w
        # A larger budget of false alarms, to notice what comes slowly.
        shift: {half_life: 12h, warm_up: \(warmUp), false_alarm_every: 7d, min_change: 10}
    """
  }

  private static func duration(_ micros: Int64) -> String { "\(micros / DemoPlan.minute)m" }
}
