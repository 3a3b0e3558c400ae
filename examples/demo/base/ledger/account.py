class Account:
    def __init__(self):
        self.postings = []
        self.highest = 0

    def post(self, amount):
        self.postings.append(amount)
        self.highest = max(self.highest, sum(self.postings))
