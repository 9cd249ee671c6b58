#!/usr/bin/env python3
"""A bot that answers messages, over the JSON-RPC of `keyfold rpc`. Needs Python 3.9 and nothing else.

    echo_bot.py [KEYFOLD COMMAND...]

The command is one that speaks JSON-RPC: without any, `keyfold rpc`. Anybody may talk to the bot:

    ping          it answers "pong"
    echo WORDS    it answers the words
    count         it answers how many messages it has read in this conversation since it was started
    thanks        it reacts with a heart

What came while the bot was away is answered when it is back. One that is killed between an answer and its note of having read may
answer once more: it never leaves a message out.
"""

import collections
import json
import subprocess
import sys

# The most entries that one answer holds (docs/rpc.md).
PAGE = 200

# Messages that are remembered as answered: an event may tell of one that was found unread a moment ago.
REMEMBERED = 10_000


class RpcError(Exception):
    """What a call was answered with; `name` is stable."""

    def __init__(self, error):
        super().__init__(error["message"])
        self.name = error["data"]["name"]


class Keyfold:
    """A running `keyfold rpc`: calls, one after another, and notifications in between."""

    def __init__(self, command):
        # In a session of its own: Ctrl+C is for the bot, which ends it in an orderly way.
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )
        self.told = collections.deque()
        self.last = 0

    def call(self, method, **params):
        """Asks, and returns the result. What is told meanwhile is kept for `notifications`."""
        self.last += 1
        request = {"jsonrpc": "2.0", "id": self.last, "method": method, "params": params}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            message = json.loads(line)
            if message.get("id") != self.last:
                self.told.append(message)
            elif "error" in message:
                raise RpcError(message["error"])
            else:
                return message["result"]
        raise SystemExit("keyfold has ended")

    def notifications(self):
        """What is told, as it comes."""
        while True:
            while self.told:
                yield self.told.popleft()
            line = self.process.stdout.readline()
            if not line:
                return
            self.told.append(json.loads(line))

    def end(self):
        """Lets it finish what is under way."""
        self.process.stdin.close()
        for _ in self.process.stdout:
            pass
        return self.process.wait()


class Bot:
    def __init__(self, keyfold):
        self.keyfold = keyfold
        self.answered = collections.OrderedDict()
        self.read = collections.Counter()

    def catch_up(self):
        """Answers what nobody has read yet, in all conversations."""
        # Nobody waits until the bot accepts them; who has waited so far is accepted.
        self.keyfold.call("ask_first", wanted=False)
        for conversation in self.keyfold.call("list", filter="requests"):
            self.keyfold.call("accept", conversation=conversation["id"])
        for conversation in self.keyfold.call("conversations"):
            for entry in self.unread(conversation["id"]):
                self.take(conversation["id"], entry)
            self.keyfold.call("mark_read", conversation=conversation["id"])

    def unread(self, conversation):
        """What was said since it was marked as read, oldest first."""
        while True:
            count = self.count_unread(conversation)
            if count == 0:
                return []
            said = self.said(conversation, count)
            # What came while it was read would count as another one.
            if self.count_unread(conversation) == count:
                return said[-count:]

    def count_unread(self, conversation):
        return self.keyfold.call("conversation", conversation=conversation)["unread"]

    def said(self, conversation, count):
        """The newest messages of others: at least `count`, where there are so many."""
        entries = self.keyfold.call("timeline_last", conversation=conversation, limit=PAGE)
        said = others(entries)
        if len(said) >= count or len(entries) < PAGE:
            return said
        said, after = [], None
        while True:
            page = self.keyfold.call("timeline", conversation=conversation, after=after, limit=PAGE)
            said.extend(others(page))
            if len(page) < PAGE:
                return said
            after = page[-1]["position"]

    def arrived(self, conversation, message):
        """Answers a message of which an event has told."""
        entry = self.keyfold.call("message", conversation=conversation, message=message)
        self.take(conversation, entry)
        self.keyfold.call("mark_read", conversation=conversation)

    def take(self, conversation, entry):
        """Answers one entry of a timeline, where it asks for that."""
        message = entry["id"]
        if entry["mine"] or entry["what"]["type"] != "text" or message in self.answered:
            return
        self.answered[message] = True
        if len(self.answered) > REMEMBERED:
            self.answered.popitem(last=False)
        self.read[conversation] += 1
        word, _, rest = entry["what"]["text"].strip().partition(" ")
        answer = {
            "ping": "pong",
            "echo": rest,
            "count": f"{self.read[conversation]} since I was started",
        }.get(word.lower())
        if word.lower() == "thanks":
            self.keyfold.call("react", conversation=conversation, message=message, emoji="❤️")
        elif answer:
            self.keyfold.call("reply", conversation=conversation, to=message, text=answer)

    def hear(self, told):
        """Takes one notification."""
        if told["method"] == "missed":
            self.catch_up()
        elif told["method"] == "event" and told["params"]["type"] == "arrived":
            self.arrived(told["params"]["conversation"], told["params"]["message"])


def others(entries):
    """Those that are messages of other people."""
    return [entry for entry in entries if entry["id"] and not entry["mine"]]


def main():
    keyfold = Keyfold(sys.argv[1:] or ["keyfold", "rpc"])
    try:
        me = keyfold.call("me")
        if me is None:
            raise SystemExit("there is no account in this profile: keyfold register")
        print(f"{me['handle']} listens", flush=True)
        bot = Bot(keyfold)
        bot.catch_up()
        for told in keyfold.notifications():
            try:
                bot.hear(told)
            except RpcError as error:
                # It was taken back, or its conversation was left: nothing to answer any more.
                print(f"not answered: {error.name}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        pass
    finally:
        code = keyfold.end()
    sys.exit(code)


if __name__ == "__main__":
    main()
