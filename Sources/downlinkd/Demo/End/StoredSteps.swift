import Pipeline
import Storage

/// The steps of anomalies that the table `anomalies` has: all there are, whatever the pipeline's
/// log told of them.
///
/// A process that is killed between a commit and its lines takes these along, and of very many
/// steps the log only says how many they are.
enum StoredSteps {
  /// In the order of commits. Cost: every file of the table.
  static func read(root: String) throws(DemoFault) -> [AnomalyStep] {
    do {
      let storage = try POSIXStorage(root: root, access: .readOnly)
      var table = AnomalySteps(storage: storage, pipeline: DemoConfiguration.pipeline)
      guard let ledgerID = try table.ledgerID() else { return [] }
      table.open(ledgerID: ledgerID)
      var steps: [AnomalyStep] = []
      var version: Int64 = -1
      while case .commit(let commit) = try table.next(after: version) {
        for step in commit.steps { steps.append(try AnomalyStep(step)) }
        version = commit.version
      }
      return steps
    } catch {
      throw DemoFault("cannot read the table anomalies: \(error)")
    }
  }
}

extension AnomalyStep {
  fileprivate init(_ step: Pipeline.AnomalyStep) throws(DemoFault) {
    guard let state = State(rawValue: step.state) else {
      throw DemoFault("anomaly \(step.id) has the state “\(step.state)”, which there is not")
    }
    self.init(
      id: step.id, device: step.device ?? "", metric: step.metric, detector: step.detector,
      severity: step.severity, state: state, eventMicros: step.eventTimeMicros, value: step.value,
      expected: step.expected)
  }
}
