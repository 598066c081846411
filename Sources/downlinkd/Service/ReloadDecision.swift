import Config
import Pipeline

/// What becomes of a configuration file that was changed under a running pipeline: taken over
/// whole, or refused with every reason. Reads the file and what it names; changes nothing.
enum ReloadDecision {
  /// Nothing may differ but what `ConfigurationChange` calls live.
  case accepted(Configuration, ConfigurationChange, PipelineReload)
  /// One line each.
  case refused([String])

  /// - Parameter sources: names, in the order of the running pipeline; the file may have another.
  static func about(
    file: String, running: Configuration, sources: [String], environment: [String: String]
  ) -> ReloadDecision {
    let configuration: Configuration
    let wiring: Wiring
    do throws(ConfigFaults) {
      configuration = try Configuration.load(file: file, environment: environment)
      wiring = try Wiring(configuration)
    } catch {
      return .refused(error.faults.map(\.line))
    }
    let change = ConfigurationChange(from: running, to: configuration)
    guard change.isAccepted else { return .refused(change.refused.map(\.description)) }
    // The wiring keeps the file's order of sources.
    let found = zip(configuration.sources.map(\.name), wiring.pipeline.sources)
    let detectors = sources.map { name in found.first { $0.0 == name }?.1.detectors ?? [] }
    let reload = PipelineReload(
      detectors: detectors, configFingerprint: configuration.fingerprint)
    return .accepted(configuration, change, reload)
  }
}

extension ConfigFault {
  /// The whole of it in one line, for logs.
  var line: String {
    var text = path
    if position != .wholeFile { text += ":\(position.line):\(position.column)" }
    if !keyPath.isEmpty { text += ": \(keyPath)" }
    text += ": \(message)"
    if let suggestion { text += "; \(suggestion)" }
    return text
  }
}
