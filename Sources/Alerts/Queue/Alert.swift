import Pipeline

/// What a receiver is told: that something fires, or that it is over.
///
/// A receiver knows an alert by its labels, and the severity is one of them: an anomaly that
/// escalates is one alert that ends and another that begins.
struct Alert: Equatable, Sendable {
  /// The step it is told by; the newest one where it is told again.
  var step: AnomalyStep
  /// Of the alert: when an anomaly escalates, that of the one that ends is not the step's.
  var severity: String
  /// When the anomaly was opened.
  var startMicros: Int64
  /// Nil while it fires.
  var endMicros: Int64?

  var isFiring: Bool { endMicros == nil }
}

/// An anomaly that the receiver has been told of.
struct Firing: Equatable, Sendable {
  /// The newest step that was told.
  var step: AnomalyStep
  var startMicros: Int64
  /// The version whose steps closed it; nil while it is open. Kept as long as that version may
  /// come again after a crash, so that the same can be told of it again.
  var closedVersion: Int64?
  /// When it was last told, by the clock that never jumps; nil where not by this process.
  var toldNanos: Int64?
}

/// What goes out in one request.
struct AlertBatch: Equatable, Sendable {
  /// Places in the queue, ascending.
  private(set) var places: [Int]
  /// Ids of anomalies that are told again.
  private(set) var repeated: [String]
  /// In the order in which they are to be taken.
  private(set) var alerts: [Alert]

  init(places: [Int] = [], repeated: [String] = [], alerts: [Alert] = []) {
    self.places = places
    self.repeated = repeated
    self.alerts = alerts
  }

  var isEmpty: Bool { alerts.isEmpty }

  /// Adds a step's alerts.
  mutating func add(place: Int, _ alerts: [Alert]) {
    places.append(place)
    self.alerts += alerts
  }

  /// Adds an anomaly that is told again.
  mutating func add(repeated id: String, _ alert: Alert) {
    repeated.append(id)
    alerts.append(alert)
  }
}
