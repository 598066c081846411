import Config
import Decode
import SchemaRegistry

/// Asks the schema registry for the subjects of the sources that have envelopes.
struct RegistryTrial {
  let configuration: Configuration

  func findings() -> [CheckFinding] {
    guard let registry = configuration.schemaRegistry else { return [] }
    var findings: [CheckFinding] = []
    if registry.sendsPasswordInClear {
      findings.append(
        .warning(
          "schema_registry.url", "\(registry.url) gets the password in clear",
          advice: "use https://"))
    }
    let enveloped = configuration.sources.enumerated().filter { $0.element.envelope == .confluent }
    if enveloped.isEmpty {
      findings.append(
        .warning(
          "schema_registry", "no source asks it: none has envelope: confluent",
          advice: "say so at the sources whose records begin with a schema id, or remove it"))
    }
    for (index, source) in enveloped {
      let subject = registry.subject(of: source)
      do throws(RegistryError) {
        let schema = try SubjectSchema.latest(of: subject, RegistryOptions(registry))
        findings.append(
          .ok("schema_registry", "\(registry.url) knows \(subject), version \(schema.version)"))
      } catch {
        findings.append(Self.finding(error, subject, source, at: index))
        // One that does not answer is not asked again: each question would take as long.
        if error.reason == .noAnswer { break }
      }
    }
    return findings
  }

  /// A subject that is not there matters where the source has its type from it.
  private static func finding(
    _ error: RegistryError, _ subject: String, _ source: Configuration.Source, at index: Int
  ) -> CheckFinding {
    let isBuiltIn = MessageCatalogue.builtIn.type(named: source.message) != nil
    return switch error.reason {
    case .notFound where source.needsSchema && !isBuiltIn:
      .fault(
        "sources[\(index)].message", .configuration, "the registry has no subject \(subject)",
        advice: "set schema_registry.subject, or name a descriptor_set")
    case .notFound:
      .warning(
        "schema_registry", "the registry has no subject \(subject)",
        advice: "only its ids matter to this source: see whether it is the right registry")
    case .notAllowed:
      .fault(
        "schema_registry", .outside, "\(error)",
        advice: "see schema_registry.user and the file of its password")
    case .noAnswer, .garbled, .status:
      .fault(
        "schema_registry", .outside, "\(error)",
        advice: "see whether the URL is right and reachable from here; run waits for it")
    }
  }
}
