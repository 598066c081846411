import Base

/// Something that goes wrong with one satellite, on purpose: what the detectors are to find.
struct InjectedFault: Equatable, Sendable {
  enum Kind: String, CaseIterable, Sendable {
    /// The battery's temperature climbs far above its limits and comes back.
    case overheating
    /// The radio falls silent for some hours; what is measured meanwhile is lost.
    case silence
    /// One reading of the wheel's speed is far off.
    case spike
    /// The battery's voltage drops at once and stays there.
    case step
    /// The bus takes more and more power for forty minutes, and goes on at that level.
    case drift

    /// What it shows in; nil where it is the satellite that is missed.
    var metric: String? {
      switch self {
      case .overheating: "battery_temperature_c"
      case .silence: nil
      case .spike: "wheel_speed_rpm"
      case .step: "battery_voltage_v"
      case .drift: "bus_power_w"
      }
    }

    /// The detector of `DemoConfiguration` that is there for it.
    var detector: String {
      switch self {
      case .overheating: "battery-temperature"
      case .silence: "radio-silence"
      case .spike: "wheel-spike"
      case .step: "voltage-jump"
      case .drift: "bus-power-shift"
      }
    }

    /// For people, in a few words.
    var sentence: String {
      switch self {
      case .overheating: "battery overheats by 50 °C for 90 minutes"
      case .silence: "radio falls silent for four hours"
      case .spike: "one reading of the wheel is 1,200 rpm too high"
      case .step: "battery voltage drops by 2.4 V"
      case .drift: "bus power creeps up by 120 W in 40 minutes"
      }
    }

    /// How long it acts; nil for the rest of the run.
    var lengthMicros: Int64? {
      switch self {
      case .overheating: 115 * DemoPlan.minute
      case .silence: 240 * DemoPlan.minute
      case .spike: DemoPlan.periodMicros
      case .step, .drift: nil
      }
    }

    /// Event time from its beginning until a detector that works has said so.
    var patienceMicros: Int64 {
      switch self {
      case .overheating: 40 * DemoPlan.minute
      case .silence: DemoPlan.silenceAfterMicros + 5 * DemoPlan.minute
      case .spike, .step: 10 * DemoPlan.minute
      case .drift: 60 * DemoPlan.minute
      }
    }
  }

  let kind: Kind
  let device: Int
  /// Event time at which it begins.
  let startMicros: Int64
  /// Whether its readings come late, in passes.
  let isHeardInPasses: Bool

  /// The fleet's time from which it should be known, given that readings may wait for a pass.
  var dueMicros: Int64 {
    startMicros + kind.patienceMicros + (isHeardInPasses ? DemoPlan.orbitMicros : 0)
      + 10 * DemoPlan.minute
  }

  /// Whether nothing the satellite measures at this time is ever heard.
  func silences(_ micros: Int64) -> Bool {
    kind == .silence && isActive(micros)
  }

  /// Bends the values measured at this time.
  func apply(to values: inout [Double], at micros: Int64) {
    guard isActive(micros), let metric = kind.metric else { return }
    let minutes = Double(micros - startMicros) / Double(DemoPlan.minute)
    let change: Double
    switch kind {
    case .overheating:
      let rise = min(50, minutes * 1.25)
      change = minutes < 90 ? rise : max(0, 50 - (minutes - 90) * 2)
    case .silence: return
    case .spike: change = 1200
    case .step: change = -2.4
    case .drift: change = min(120, minutes * 3)
    }
    let index = DemoNames.metricIndex(metric)
    values[index] = DemoModel.rounded(values[index] + change, 1000)
  }

  private func isActive(_ micros: Int64) -> Bool {
    guard micros >= startMicros else { return false }
    return kind.lengthMicros.map { micros < startMicros + $0 } ?? true
  }

  /// As it stands in `faults.json`.
  var json: JSONValue {
    [
      "device": .string(DemoNames.device(device)), "kind": .string(kind.rawValue),
      "metric": .optional(kind.metric), "detector": .string(kind.detector),
      "start": .string(Timestamp.text(micros: startMicros)),
      "heard_in_passes": .bool(isHeardInPasses), "what": .string(kind.sentence),
    ]
  }
}
