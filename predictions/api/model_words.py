"""`/api/models/words`: what the words of retraining mean. It asks neither database nor Redis."""

from dataclasses import asdict

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from predictions.api.model_history import READING
from predictions.api.schema.refusals import refusals
from predictions.api.schema.retraining_shapes import WordsSerializer
from predictions.api.signal_queries import refuse_others
from predictions.cards.glossary import GLOSSARY


class ModelWords(APIView):
    http_method_names = READING

    @extend_schema(
        operation_id="model_words",
        summary="What the words of retraining mean",
        description="A plain sentence for each term of the Models page and of these answers.",
        responses={200: OpenApiResponse(WordsSerializer, "The words.")} | refusals(400),
    )
    def get(self, request: Request) -> Response:
        refuse_others(request.query_params, ())
        return Response({"status": "success", "words": [asdict(word) for word in GLOSSARY]})
