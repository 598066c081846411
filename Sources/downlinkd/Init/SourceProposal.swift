import Base
import Config
import Decode
import Inference
import Kafka

/// What the newest records of a topic propose for its source, as `schema infer` does.
struct SourceProposal {
  /// Why there is none.
  enum Refusal: Error, CustomStringConvertible {
    /// Kafka does not answer: later, or elsewhere, it may.
    case unavailable(String)
    /// There is nothing to conclude from.
    case none(String)

    var description: String {
      switch self {
      case .unavailable(let reason), .none(let reason): reason
      }
    }
  }

  let message: String
  let device: String
  let timeField: String
  let timeUnit: String?
  let definition: ProposalText.Definition
  /// The block of the configuration, with its reasons.
  let block: String

  private static let recordCountMax = 1000
  private static let timeoutMillis = 10_000

  init(
    brokers: String, properties: [(String, String)], topic: String, message: String?,
    _ catalogue: MessageCatalogue, _ definition: ProposalText.Definition
  ) throws(Refusal) {
    let reader = SampleReader(
      brokers: brokers, properties: properties, topic: topic,
      recordCountMax: Self.recordCountMax, timeoutMillis: Self.timeoutMillis)
    let sample: SampleReader.Sample
    do throws(KafkaError) {
      sample = try reader.read()
    } catch {
      throw .unavailable("\(error)")
    }
    var options = SchemaInference.Options(source: SchemaInferCommand.sourceName(ofTopic: topic))
    options.messageName = message
    switch SchemaInference(catalogue, options).infer(from: sample.records) {
    case .proposal(let proposal):
      self.definition = definition
      self.message = proposal.mapping.messageName
      device = proposal.device.field
      timeField = proposal.mapping.time.field
      timeUnit = proposal.mapping.time.unit?.rawValue
      block = ProposalText(proposal: proposal, topic: topic, definition: definition).text
    case .none(let answer):
      let reasons = sample.records.isEmpty ? ["it has no records to look at"] : answer.reasons
      throw .none("the topic \(topic): \(reasons.joined(separator: "; "))")
    }
  }
}
