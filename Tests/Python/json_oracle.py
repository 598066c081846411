"""Parses messages in JSON with Google's library and compares the bytes that ours made of them.

    json_oracle.py FOLDER

FOLDER/cases.json is a list of {"set", "message", "messages"}: the name of a descriptor set's file,
a type, and a list of {"json", "bytes"}: a text, and in hexadecimal what ours came to, or null where
it refused it. Prints one line a message: "same", "refused" (by both), or what differs.
"""

import json
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory


def serialized(message):
    return message.SerializePartialToString(deterministic=True)


def verdict(Message, text, ours):
    try:
        expected = serialized(json_format.Parse(text, Message()))
    except (json_format.ParseError, ValueError, TypeError) as error:
        return "refused" if ours is None else f"Google refuses it: {error}".replace("\n", " ")
    if ours is None:
        return "Google takes it"
    try:
        found = serialized(Message.FromString(bytes.fromhex(ours)))
    except Exception as error:  # DecodeError is another class in each of the library's backends.
        return f"Google cannot read our bytes: {error}"
    return "same" if found == expected else f"differs: {found.hex()}, Google {expected.hex()}"


def main():
    folder = sys.argv[1]
    with open(f"{folder}/cases.json", encoding="utf-8") as file:
        cases = json.load(file)
    for case in cases:
        with open(f"{folder}/{case['set']}", "rb") as file:
            files = descriptor_pb2.FileDescriptorSet.FromString(file.read())
        pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            pool.Add(file)
        Message = message_factory.GetMessageClass(pool.FindMessageTypeByName(case["message"]))
        for message in case["messages"]:
            print(verdict(Message, message["json"], message["bytes"]))


main()
