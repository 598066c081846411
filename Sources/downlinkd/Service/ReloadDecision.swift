import Config
import Pipeline

/// What becomes of a configuration file that was changed under a running pipeline: taken over
/// whole, or refused with every reason. Reads the file and what it names; changes nothing.
enum ReloadDecision {
  /// Nothing differs that `ConfigurationChange` refuses, or that the tables and the state cannot
  /// go on with.
  case accepted(Configuration, ConfigurationChange, PipelineReload)
  /// One line each.
  case refused([String])

  /// - Parameters:
  ///   - sources: names, in the order of the running pipeline; the file may have another.
  ///   - obstacles: what the tables and the state say against other options.
  static func about(
    file: String, running: Configuration, sources: [String], environment: [String: String],
    obstacles: (PipelineOptions) -> [String]
  ) -> ReloadDecision {
    var configuration: Configuration
    let wiring: Wiring
    do throws(ConfigFaults) {
      configuration = try Configuration.load(file: file, environment: environment)
      if let refusal = schemaFaults(&configuration, running, environment) {
        return .refused(refusal)
      }
      wiring = try Wiring(configuration)
    } catch {
      return .refused(error.faults.map(\.line))
    }
    let change = ConfigurationChange(from: running, to: configuration)
    guard change.isAccepted else { return .refused(change.refused.map(\.description)) }
    // The wiring keeps the file's order of sources.
    let found = Dictionary(
      zip(configuration.sources.map(\.name), wiring.pipeline.sources)) { first, _ in first }
    var options = wiring.pipeline
    options.sources = sources.compactMap { found[$0] }
    var reload = PipelineReload(
      detectors: options.sources.map(\.detectors), configFingerprint: configuration.fingerprint)
    if change.reopens {
      let reasons = obstacles(options)
      if !reasons.isEmpty { return .refused(reasons) }
      reload.reopening = options
    }
    return .accepted(configuration, change, reload)
  }

  /// Brings what the registry defines; the reasons where it cannot.
  private static func schemaFaults(
    _ configuration: inout Configuration, _ running: Configuration, _ environment: [String: String]
  ) -> [String]? {
    do throws(RegistrySchemas.Failure) {
      try RegistrySchemas.adopt(
        into: &configuration, running: running, environment: environment)
      return nil
    } catch {
      switch error {
      case .configuration(let faults): return faults.faults.map(\.line)
      case .unavailable(let reason): return [reason]
      }
    }
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
