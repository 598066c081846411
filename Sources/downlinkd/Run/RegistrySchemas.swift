import Config
import Decode
import Glibc
import SchemaRegistry

/// The message types that a configuration leaves to the schema registry.
enum RegistrySchemas {
  /// Why a registry's schema cannot be used.
  enum Failure: Error {
    /// The configuration does not fit what the registry has.
    case configuration(ConfigFaults)
    /// The registry did not answer: later it may.
    case unavailable(String)
  }

  /// How often a registry is asked that does not answer, a second apart: one that is just being
  /// started with everything else.
  private static let attemptCountMax = 5

  /// Brings the definitions of all sources that have none, so that they are checked and
  /// fingerprinted as if they had come from files. Blocks for some requests a source.
  ///
  /// - Parameter running: A configuration that runs already: what its sources of the same message
  ///   and subject use is not asked for again, so that a reload needs no registry.
  static func adopt(
    into configuration: inout Configuration, running: Configuration? = nil,
    environment: [String: String]
  ) throws(Failure) {
    guard let registry = configuration.schemaRegistry else { return }
    var faults: [ConfigFault] = []
    for index in configuration.sources.indices {
      let source = configuration.sources[index]
      let isBuiltIn = MessageCatalogue.builtIn.type(named: source.message) != nil
      guard source.needsSchema, !isBuiltIn else { continue }
      if let known = running?.schema(of: source, in: registry) {
        configuration.adopt(known.bytes, ofSource: index, name: known.path)
        continue
      }
      let subject = registry.subject(of: source)
      let fault: (message: String, suggestion: String?)
      do throws(RegistryError) {
        let schema = try latest(of: subject, RegistryOptions(registry))
        do throws(ProtoTexts.Failure) {
          let bytes = try schema.descriptorSet(environment: environment)
          let name = "\(registry.url), subject \(subject), version \(schema.version)"
          configuration.adopt(bytes, ofSource: index, name: name)
          continue
        } catch {
          fault = (error.message, error.suggestion)
        }
      } catch {
        guard error.reason == .notFound else { throw .unavailable("\(error)") }
        fault = (
          "the registry has no subject \(subject)",
          "set schema_registry.subject, or name a descriptor_set"
        )
      }
      faults.append(
        configuration.fault(
          at: "sources[\(index)].message", fault.message, suggestion: fault.suggestion))
    }
    if !faults.isEmpty { throw .configuration(ConfigFaults(faults)) }
  }

  /// The latest definition under a subject, as a descriptor set, for those who have no source yet.
  static func definition(
    of subject: String, _ options: RegistryOptions, environment: [String: String]
  ) throws(DefinitionFailure) -> (bytes: [UInt8], version: Int64) {
    let schema: SubjectSchema
    do throws(RegistryError) {
      schema = try latest(of: subject, options)
    } catch {
      throw DefinitionFailure(sentence: "\(error)", isLasting: error.reason == .notFound)
    }
    do throws(ProtoTexts.Failure) {
      return (try schema.descriptorSet(environment: environment), schema.version)
    } catch {
      throw DefinitionFailure(sentence: error.message, isLasting: true)
    }
  }

  /// Why there is no definition, and whether asking again is no use.
  struct DefinitionFailure: Error {
    let sentence: String
    let isLasting: Bool
  }

  private static func latest(
    of subject: String, _ options: RegistryOptions
  ) throws(RegistryError) -> SubjectSchema {
    var attempt = 1
    while true {
      do {
        return try SubjectSchema.latest(of: subject, options)
      } catch {
        if error.reason == .notFound || attempt == attemptCountMax { throw error }
        attempt += 1
        usleep(1_000_000)
      }
    }
  }
}

extension SubjectSchema {
  fileprivate func descriptorSet(
    environment: [String: String]
  ) throws(ProtoTexts.Failure) -> [UInt8] {
    switch form {
    case .descriptorSet(let bytes): return bytes
    case .files(let files):
      return try ProtoTexts.compile(
        files.map { ($0.name, $0.text) }, environment: environment)
    }
  }
}

extension Configuration {
  /// What a source that runs has from the same subject of the same registry.
  fileprivate func schema(
    of source: Source, in registry: SchemaRegistry
  ) -> Source.DescriptorSet? {
    guard let own = schemaRegistry, own.url == registry.url else { return nil }
    let same = sources.first { other in
      other.descriptorSet?.isFromRegistry == true && other.message == source.message
        && own.subject(of: other) == registry.subject(of: source)
    }
    return same?.descriptorSet
  }
}

extension RegistryOptions {
  /// As the configuration has it.
  init(_ registry: Configuration.SchemaRegistry) {
    self.init(url: registry.url, timeoutMillis: Int(registry.timeoutMicros / 1000))
    user = registry.user
    password = registry.password
    authorityFile = registry.authorityFile
    cacheFolder = registry.cacheFolder
  }
}
