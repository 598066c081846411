/// The figures of the live display at one moment.
struct DemoFigures: Equatable, Sendable {
  var plan: DemoPlan
  var sender: FleetSender.Progress
  /// Nil while the pipeline does not answer.
  var status: StatusSample?
  var stage = DemoCourse.Stage.sending
  var inPerSecond = 0.0
  var committedPerSecond = 0.0
  var counts = RunningCounts()
  var commitCount = 0
  var openAnomalies: [StatusSample.OpenCount] = []

  private static let barCount = 24

  /// The block of a terminal.
  var lines: [String] {
    [
      "", "fleet      \(fleet)   \(bar)", "records    \(records)", "pipeline   \(pipeline)",
      "anomalies  \(anomalies)",
    ]
  }

  /// The same for a log: one line.
  var line: String {
    "\(StepText.time(sender.eventMicros))  \(records); \(pipeline); anomalies: \(anomalies)"
  }

  private var fleet: String {
    let gone = StepText.span(sender.eventMicros - plan.startMicros)
    let whole = StepText.span(plan.lengthMicros)
    return "\(StepText.time(sender.eventMicros)) UTC, \(gone) of \(whole)"
  }

  private var bar: String {
    let share = Double(sender.eventMicros - plan.startMicros) / Double(plan.lengthMicros)
    let full = min(Self.barCount, max(0, Int(share * Double(Self.barCount))))
    return String(repeating: "█", count: full)
      + String(repeating: "░", count: Self.barCount - full)
  }

  private var records: String {
    var text = "\(Figure.count(sender.sentCount)) sent, \(Figure.decimal(inPerSecond))/s in, "
    text += "\(Figure.decimal(committedPerSecond))/s committed, "
    return text + "lag \(Figure.count(counts.lag(acknowledgedCount: sender.acknowledgedCount)))"
  }

  private var pipeline: String {
    let done =
      "\(Figure.count(counts.firingCount, "window")) fired, "
      + "\(Figure.count(commitCount, "commit")), \(Figure.count(counts.deadCount, "dead letter"))"
    switch stage {
    case .catchingUp: return done + " (reading what is left)"
    case .ending, .over: return done + " (ending)"
    case .sending: break
    }
    guard let status, status.phase == "running" else {
      return done + " (not ready: \(status?.phase ?? "starting"))"
    }
    guard let watermark = status.watermarkMicros else { return done }
    return done + ", watermarks \(StepText.span(max(0, sender.eventMicros - watermark))) behind"
  }

  private var anomalies: String {
    let count = openAnomalies.reduce(0) { $0 + $1.count }
    guard count > 0 else { return "none open" }
    let parts = openAnomalies.map { "\($0.count) \($0.detector) (\($0.severity))" }
    return "\(count) open: " + parts.joined(separator: ", ")
  }
}
